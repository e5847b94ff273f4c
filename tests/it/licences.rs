//! Licences of the dependencies: `deny.toml` allows each of them, on every platform and with every
//! feature.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The identifiers in the list `allow` of the table `[licenses]`.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let table = text.split("[licenses]").nth(1).unwrap();
    let list = table.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The packages of the workspace and all that they depend on.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// An SPDX expression, as far as packages use them: identifiers, `OR`, `AND`, `WITH`, parentheses,
/// and the old `/` for `OR`.
struct Expression<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<String>>,
    allowed: &'a BTreeSet<String>,
}

fn permits(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    let mut expression = Expression { words: words.into_iter().peekable(), allowed };
    let permitted = expression.either();
    assert_eq!(expression.words.next(), None, "{licence}");
    permitted
}

impl Expression<'_> {
    fn either(&mut self) -> bool {
        let mut permitted = self.both();
        while self.words.next_if(|word| word == "OR").is_some() {
            permitted |= self.both();
        }
        permitted
    }

    fn both(&mut self) -> bool {
        let mut permitted = self.one();
        while self.words.next_if(|word| word == "AND").is_some() {
            permitted &= self.one();
        }
        permitted
    }

    fn one(&mut self) -> bool {
        let word = self.words.next().unwrap_or_default();
        if word == "(" {
            let permitted = self.either();
            assert_eq!(self.words.next().as_deref(), Some(")"));
            return permitted;
        }
        let permitted = self.allowed.contains(&word);
        // An exception gives more rights than its licence.
        if self.words.next_if(|word| word == "WITH").is_some() {
            self.words.next();
        }
        permitted
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let allowed = allowed();
    let packages = packages();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|licence| permits(licence, &allowed)))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn a_licence_counts_as_its_expression_says() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned()]);
    for licence in
        ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(MIT OR GPL-3.0) AND Zlib", "MIT WITH LLVM-exception"]
    {
        assert!(permits(licence, &allowed), "{licence}");
    }
    for licence in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Zlib) AND GPL-3.0",
        "GPL-3.0 WITH Classpath-exception-2.0",
        "",
    ] {
        assert!(!permits(licence, &allowed), "{licence}");
    }
}
