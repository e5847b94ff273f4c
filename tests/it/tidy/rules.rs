//! Rules of the code.

use super::{CODE, read, rust_files};

/// The lines that run in an application, with their numbers: no comments, and nothing of the tests,
/// which end a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The library's files that are not tests as a whole.
fn library() -> Vec<(String, String)> {
    let is_library = |path: &str| {
        !path.ends_with("/tests.rs") && !path.contains("/model/") && !path.contains("/snapshots/")
    };
    let mut files = rust_files("idempotent-runtime/src");
    files.extend(rust_files("idempotent-macros/src"));
    files.retain(|(path, _)| is_library(path));
    files
}

/// Places in the library where a line of code says `pattern`, but for the files in which it may.
fn places(pattern: &str, allowed: &[&str]) -> Vec<String> {
    let files = library();
    let files = files.iter().filter(|(path, _)| !allowed.iter().any(|allowed| path.ends_with(allowed)));
    files
        .flat_map(|(path, text)| {
            code(text)
                .filter(|(_, line)| line.contains(pattern))
                .map(move |(number, line)| format!("{path}:{number}: {}", line.trim()))
        })
        .collect()
}

#[test]
fn the_library_never_unwraps() {
    // A suite that stores are tested with panics on purpose, and so do the fuzz targets'
    // properties.
    let tests = ["conformance/mod.rs", "fuzzing.rs"];
    let allowed: Vec<String> = library()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.contains("/conformance/") || tests.iter().any(|test| path.ends_with(test)))
        .collect();
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    for pattern in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
        assert_eq!(places(pattern, &allowed), Vec::<String>::new(), "{pattern}");
    }
}

#[test]
fn nothing_but_the_clock_asks_for_the_time() {
    assert_eq!(places("SystemTime::now", &["src/clock.rs"]), Vec::<String>::new());
    for place in places("Instant::now", &["src/clock.rs"]) {
        // Waits are counted by tokio's timers.
        let file = read(place.split(':').next().unwrap());
        let stds = file
            .split("use std::")
            .skip(1)
            .any(|import| import.split(';').next().is_some_and(|import| import.contains("Instant")));
        assert!(!stds && !file.contains("std::time::Instant"), "{place}");
    }
}

#[test]
fn nothing_but_the_address_makes_an_address() {
    assert_eq!(places("Address(hasher", &["request/address.rs"]), Vec::<String>::new());
    let others = [
        "request/address.rs",
        "request/fingerprint/mod.rs",
        "request/label.rs",
        "operate/version.rs",
        "operate/caller_hash.rs",
    ];
    let made = places("PartsHasher::new(", &others);
    assert_eq!(made, Vec::<String>::new());
}

/// Between a claim and its completion bytes are moved.
#[test]
fn no_store_and_no_execution_knows_http() {
    let parts =
        ["store/", "flight/", "execution/", "observe/", "attempt.rs", "record.rs", "reason.rs", "watch.rs"];
    // The method of a request is part of the public event.
    let allowed = "observe/event.rs";
    for (path, text) in library() {
        let Some(part) = path.strip_prefix("idempotent-runtime/src/") else { continue };
        if part == allowed || !parts.iter().any(|of| part.starts_with(of)) {
            continue;
        }
        for (number, line) in code(&text) {
            assert!(
                !line.contains("actix_web") && !line.contains("crate::response"),
                "{path}:{number}: {line}"
            );
        }
    }
}

#[test]
fn no_http_code_names_a_store() {
    for folder in ["request", "response", "flight", "execution", "context", "observe"] {
        let folder = format!("runtime/src/{folder}/");
        for (path, text) in library().iter().filter(|(path, _)| path.contains(&folder)) {
            for (number, line) in code(text) {
                // A message to people may name them.
                let code: String = line.split('"').step_by(2).collect();
                for store in ["MemoryStore", "SqliteStore", "PostgresStore", "RedisStore"] {
                    assert!(!code.contains(store), "{path}:{number}: {line}");
                }
            }
        }
    }
}

#[test]
fn no_test_is_left_out() {
    // Put together here, or this file would find itself.
    let ignore = ["#[ig", "nore"].concat();
    for folder in CODE {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().filter(|line| line.trim_start().starts_with(&ignore));
            assert_eq!(lines.count(), 0, "{path}");
        }
    }
}

#[test]
fn every_file_of_the_library_says_what_it_is() {
    for (path, text) in library() {
        assert!(text.starts_with("//! "), "{path}");
    }
}
