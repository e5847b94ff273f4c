//! Words: the field's names.

use super::{all_rust_files, files, read};

/// Retired names, each with the folder in which it is retired and the field's word for it. A name
/// is that of a type, a function, a constant, a file or a folder. Elsewhere it may mean something
/// else.
const RETIRED: [(&str, &str, &str); 28] = [
    ("idempotent-client/src", "giving", "key_source"),
    ("idempotent-client/src", "schedule", "retry"),
    ("idempotent-client/src", "Schedule", "Retries"),
    ("idempotent-client/src", "verdict", "classify"),
    ("idempotent-client/src", "Verdict", "Decision"),
    ("idempotent-client/src", "answer.rs", "response"),
    ("idempotent-client/src", "Answer", "ReceivedResponse"),
    ("idempotent-client/src", "Pauses", "Backoff"),
    ("idempotent-macros/src", "beside", "neighbours"),
    ("idempotent-macros/src", "Beside", "Neighbours"),
    ("idempotent-runtime/src/admin", "asked", "requests"),
    ("idempotent-runtime/src/admin", "Asked", "InspectBody"),
    ("idempotent-runtime/src/admin", "told", "responses"),
    ("idempotent-runtime/src/admin", "open_door", "guard_check"),
    ("idempotent-runtime/src/admin", "places.rs", "limit"),
    ("idempotent-runtime/src/testing", "trial", "check"),
    ("idempotent-runtime/src/testing", "Trial", "Check"),
    ("tests", "ground.rs", "fixture"),
    ("tests", "Ground", "Fixture"),
    ("tests", "desk.rs", "fixture"),
    ("tests", "Desk", "Fixture"),
    ("tests", "kit.rs", "fixture"),
    ("tests", "bench.rs", "fixture"),
    ("tests", "Bench", "Fixture"),
    ("tests", "PATIENCE", "the time of what it is"),
    ("examples", "PATIENCE", "the time of what it is"),
    ("idempotent-client", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/benches", "PATIENCE", "the time of what it is"),
];

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// True where a file or a folder of the path has this name.
fn is_in_path(path: &str, name: &str) -> bool {
    path.split('/').any(|part| part == name || part.strip_suffix(".rs") == Some(name))
}

/// True where the code of a line, without its texts, has the name as a word.
fn is_in_code(line: &str, name: &str) -> bool {
    let is_of_a_name = |char: char| char.is_alphanumeric() || char == '_';
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split('"').step_by(2).flat_map(|code| code.split(|char| !is_of_a_name(char)));
    words.any(|word| word == name)
}

/// True where a text gives the name as that of code: `Name`, `Name::…`, or the file in its folder.
fn is_in_text(text: &str, folder: &str, name: &str) -> bool {
    let is_of_code = name.contains(|char: char| char.is_uppercase() || char == '_');
    let mut spans = text.split('`').skip(1).step_by(2);
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    let file = format!("{folder}/{}.rs", name.trim_end_matches(".rs"));
    text.contains(&file) || is_of_code && spans.any(|span| span.split("::").any(|part| part == name))
}

#[test]
fn no_retired_name_is_left() {
    let files_of_code = all_rust_files();
    let mut found = Vec::new();
    for (folder, name, instead) in RETIRED {
        for (path, text) in files_of_code.iter().filter(|(path, _)| is_below(path, folder)) {
            let lines = text.lines().enumerate().filter(|(_, line)| {
                is_in_code(line, name) || line.contains("//") && is_in_text(line, folder, name)
            });
            let lines = lines.map(|(number, _)| format!("{path}:{}", number + 1));
            let file = is_in_path(path, name).then(|| path.clone());
            found.extend(
                file.into_iter().chain(lines).map(|place| format!("{place}: `{name}` is `{instead}`")),
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Documents about the code. The changelog tells of names that were.
fn documents() -> Vec<(String, String)> {
    let mut documents: Vec<_> = ["docs", "idempotent-runtime", "tests", "examples"]
        .iter()
        .flat_map(|folder| files(folder, ".md"))
        .collect();
    for path in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        documents.push((path.to_owned(), read(path)));
    }
    documents
}

#[test]
fn no_document_gives_a_retired_name() {
    let documents = documents();
    let mut found = Vec::new();
    for (folder, name, instead) in RETIRED {
        for (path, text) in &documents {
            let lines = text.lines().enumerate().filter(|(_, line)| is_in_text(line, folder, name));
            found.extend(lines.map(|(number, _)| format!("{path}:{}: `{name}` is `{instead}`", number + 1)));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
