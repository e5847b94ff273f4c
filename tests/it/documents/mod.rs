//! Documents: their links lead somewhere, their pictures are drawn from texts, and the guide's
//! pages find each other both as files and in rustdoc.

mod diagrams;
mod guide;
mod links;
mod markdown;
mod mermaid;
mod picture;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Folder of the guide, from the root of the repository.
const GUIDE: &str = "idempotent-runtime/src/guide";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files in a folder with this extension, by their paths from the root.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(&format!(".{extension}")))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares a file with the text that it should hold. With `DOCUMENTS=overwrite` the file is
/// written instead.
fn holds(path: &str, expected: &str) {
    if env::var("DOCUMENTS").is_ok_and(|mode| mode == "overwrite") {
        fs::write(root().join(path), expected).unwrap();
    }
    let found = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(found == expected, "{path} is out of date: run this test with DOCUMENTS=overwrite");
}
