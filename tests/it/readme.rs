//! The README's code can be copied: each block of it names what it needs.

use std::{collections::BTreeSet, fs};

/// A block of Rust, and the lines `cargo add …` that stand above it.
struct Block<'a> {
    added: Vec<&'a str>,
    code: &'a str,
}

/// The blocks of Rust, each with what is added between it and the one before.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut above = 0;
    for (at, fence) in text.match_indices("```rust") {
        let begin = at + text[at..].find('\n').unwrap();
        let end = begin + text[begin..].find("```").unwrap();
        let added = text[above..at].lines().filter_map(|line| line.strip_prefix("cargo add ")).collect();
        blocks.push(Block { added, code: &text[begin..end] });
        above = end + fence.len();
    }
    blocks
}

impl Block<'_> {
    /// True where the crate of this name in code is added.
    fn adds(&self, name: &str) -> bool {
        self.added.iter().any(|line| line.split(' ').next().unwrap().replace('-', "_") == name)
    }

    /// True where this feature is added, of whichever crate.
    fn enables(&self, feature: &str) -> bool {
        let lists = self.added.iter().filter_map(|line| line.split_once(" --features "));
        lists.into_iter().any(|(_, list)| list.split(',').any(|listed| listed == feature))
    }
}

/// The crates whose paths are in `code`.
fn crates(code: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let paths = code.match_indices("::").filter_map(|(at, _)| {
        let before = &code[..at];
        let start = before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        (!before[..start].ends_with("::")).then(|| &before[start..])
    });
    paths.filter(|name| KNOWN.contains(name)).collect()
}

const KNOWN: [&str; 9] = [
    "actix_web",
    "idempotent_client",
    "idempotent_runtime",
    "reqwest",
    "reqwest_middleware",
    "serde",
    "serde_json",
    "sqlx",
    "utoipa",
];

/// Items that are there only with a feature, and the feature.
const FEATURES: [(&str, &str); 7] = [
    ("SqliteStore", "sqlite"),
    ("PostgresStore", "postgres"),
    ("IdempotentTx<sqlx::Postgres>", "postgres"),
    ("idempotent_runtime::testing", "testing"),
    ("idempotent_runtime::openapi", "openapi"),
    ("Serialize", "derive"),
    ("sqlx::query", "runtime-tokio"),
];

#[test]
fn each_code_block_names_the_dependencies_and_features_that_it_needs() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(blocks.len() > 4, "{} blocks", blocks.len());
    let mut missing = Vec::new();
    for block in blocks {
        let code = block.code;
        let unnamed = crates(code).into_iter().filter(|name| !block.adds(name));
        missing.extend(unnamed.map(|name| format!("{name}:{code}")));
        let needed = FEATURES.iter().filter(|(item, feature)| code.contains(item) && !block.enables(feature));
        missing.extend(needed.map(|(item, feature)| format!("{feature} for {item}:{code}")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
