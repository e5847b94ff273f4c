//! The house rules that no compiler checks.

mod imports;
mod records;
mod rules;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders of Rust code.
const CODE: [&str; 6] =
    ["idempotent-runtime", "idempotent-macros", "idempotent-client", "tests", "examples", "fuzz"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder whose names end so, by their paths from the root.
fn files(folder: &str, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(end) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The Rust files below a folder, by their paths from the root.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let found = files(folder, ".rs");
    assert!(found.len() > 2, "{folder}: {} files", found.len());
    found
}

fn all_rust_files() -> Vec<(String, String)> {
    CODE.iter().flat_map(|folder| rust_files(folder)).collect()
}
