//! The README's code can be copied: each block of it names what it needs.

use std::{collections::BTreeSet, fs};

/// A block of Rust, and the manifest that stands above it.
struct Block<'a> {
    manifest: &'a str,
    code: &'a str,
}

/// Text between three backticks with `language` and the next three, from the last place where such
/// a text begins.
fn fenced<'a>(text: &'a str, language: &str) -> Option<&'a str> {
    let (_, rest) = text.rsplit_once(&format!("```{language}\n"))?;
    Some(rest.split_once("```").map_or(rest, |(inside, _)| inside))
}

/// The blocks of Rust, each with the last manifest between it and the one before.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut above = 0;
    for (at, fence) in text.match_indices("```rust") {
        let begin = at + text[at..].find('\n').unwrap();
        let end = begin + text[begin..].find("```").unwrap();
        let manifest = fenced(&text[above..at], "toml").unwrap_or_default();
        blocks.push(Block { manifest, code: &text[begin..end] });
        above = end + fence.len();
    }
    blocks
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
const FEATURES: [(&str, &str); 6] = [
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
    for Block { manifest, code } in blocks {
        let named = |name: &str| {
            let mut lines = manifest.lines().map(|line| line.replace('-', "_"));
            lines.any(|line| line.starts_with(&format!("{name} =")))
        };
        missing.extend(
            crates(code).into_iter().filter(|name| !named(name)).map(|name| format!("{name}:{code}")),
        );
        let needed = FEATURES.iter().filter(|(item, _)| code.contains(item));
        missing.extend(
            needed
                .filter(|(_, feature)| !manifest.contains(&format!("\"{feature}\"")))
                .map(|(item, feature)| format!("\"{feature}\" for {item}:{code}")),
        );
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
