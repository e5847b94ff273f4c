//! Documents that say what is so: the code map, the guarantees, the decisions, the dashboard.

use std::{collections::BTreeSet, fs};

use idempotent_runtime::Outcome;

use super::{read, root, rust_files};

#[test]
fn every_path_that_the_code_map_names_exists() {
    let map = read("ARCHITECTURE.md");
    let map = map.split("## Code map").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = map.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 10, "{map}");
    for row in rows {
        let path = row.split('`').nth(1).unwrap();
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
    }
}

#[test]
fn every_folder_of_the_runtime_is_in_the_code_map() {
    let map = read("ARCHITECTURE.md");
    for entry in fs::read_dir(root().join("idempotent-runtime/src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(map.contains(&format!("`idempotent-runtime/src/{name}/`")), "{name} is missing");
        }
    }
}

/// The names of metrics that `text` says, as they are recorded.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_of_a_name = |char: char| char.is_ascii_lowercase() || char == '_';
    let names = text.match_indices("idempotent_").map(|(at, _)| {
        let rest = &text[at..];
        let name = &rest[..rest.find(|char| !is_of_a_name(char)).unwrap_or(rest.len())];
        // What Prometheus makes of a histogram.
        ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
    });
    names.collect()
}

#[test]
fn the_dashboard_shows_the_metrics_that_are_documented_and_recorded() {
    let recorder = read("idempotent-runtime/src/metrics.rs");
    let (documented, code) = recorder.split_once("\nuse ").unwrap();
    let table: String = documented.lines().filter(|line| line.starts_with("//! | `")).collect();
    let recorded: String = code.lines().filter(|line| line.starts_with("const ")).collect();
    let dashboard = read("examples/grafana-dashboard.json");
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).is_ok());
    assert!(metrics(&table).len() > 5, "{table}");
    assert_eq!(metrics(&dashboard), metrics(&table));
    assert_eq!(metrics(&recorded), metrics(&table));
}

/// Values of the label `name` in a text of queries.
fn values_of<'a>(text: &'a str, name: &str) -> BTreeSet<&'a str> {
    let label = format!("{name}=\"");
    let after = text.split(&*label).skip(1).map(|rest| rest.split('"').next().unwrap());
    after.flat_map(|values| values.split('|')).collect::<BTreeSet<_>>()
}

#[test]
fn alerts_are_raised_by_metrics_outcomes_and_results_that_there_are() {
    let recorder = read("idempotent-runtime/src/metrics.rs");
    let recorded: String = recorder.lines().filter(|line| line.starts_with("const ")).collect();
    let alerts = read("examples/prometheus-alerts.yml");
    assert!(metrics(&alerts).len() > 3 && metrics(&alerts).is_subset(&metrics(&recorded)), "{alerts}");
    let known: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    let outcomes = values_of(&alerts, "outcome");
    assert!(outcomes.len() > 3 && outcomes.is_subset(&known), "{outcomes:?}");
    assert_eq!(values_of(&alerts, "result"), BTreeSet::from(["failed", "renewed"]));
}

#[test]
fn every_alert_says_what_it_is_about_and_what_to_look_at() {
    let alerts = read("examples/prometheus-alerts.yml");
    let rules: Vec<_> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 5, "{alerts}");
    for rule in rules {
        for part in ["\n        expr: ", "\n          summary: \"", "\n          description: \""] {
            assert_eq!(rule.matches(part).count(), 1, "{part:?} in {rule}");
        }
    }
    // What the log is said to say, it says.
    let logged: String = rust_files("idempotent-runtime/src").into_iter().map(|(_, text)| text).collect();
    let quoted: Vec<_> = alerts.split("The log says `").skip(1).collect();
    assert!(quoted.len() > 1, "{alerts}");
    for line in quoted.iter().map(|rest| rest.split('`').next().unwrap()) {
        assert!(logged.contains(line), "nothing logs {line:?}");
    }
}

/// A counter is born with its first event. Its value before is unknown, and not 0: an increase
/// alone would not show the first event. What is sampled is there from the first sample on.
#[test]
fn the_first_event_of_a_counter_is_shown_and_alerts() {
    for text in [
        read("examples/grafana-dashboard.json"),
        read("examples/prometheus-alerts.yml"),
        read("idempotent-runtime/src/guide/operating.md"),
    ] {
        let queries: Vec<_> =
            text.lines().filter(|line| line.contains("increase(idempotent_requests")).collect();
        assert!(!queries.is_empty());
        for query in queries {
            assert!(query.contains(" unless ") && query.contains(" offset "), "{query}");
        }
    }
}

#[test]
fn every_guarantee_is_held_by_a_test_that_exists() {
    let tests: String = rust_files("tests").into_iter().map(|(_, text)| text).collect();
    let guarantees = read("tests/guarantees.md");
    let named = guarantees.split('`').skip(1).step_by(2).filter(|name| name.contains('_'));
    let missing: Vec<_> = named.filter(|name| !tests.contains(&format!("fn {name}()"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn no_guarantee_is_held_by_nothing() {
    let guarantees = read("tests/guarantees.md");
    let rows: Vec<Vec<&str>> = guarantees
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 10, "{} rows", rows.len());
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
        // A dash says that there is nothing to hold.
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

/// A list of decisions is of use only while it is whole.
#[test]
fn every_decision_is_in_the_index_and_says_its_context_and_its_consequence() {
    let index = read("docs/decisions/README.md");
    let mut files: Vec<_> = fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    assert!(files.len() > 30, "{} decisions", files.len());
    for (number, file) in files.iter().enumerate() {
        assert!(file.starts_with(&format!("{:04}-", number + 1)), "{file}: numbers have no holes");
        assert!(index.contains(&format!("]({file})")), "{file} is not in the index");
        let text = read(format!("docs/decisions/{file}"));
        for part in ["# ", "\n## Context\n", "\n## Decision\n", "\n## Consequence\n"] {
            assert!(text.contains(part), "{file} has no {part:?}");
        }
    }
    assert_eq!(index.matches("](").count(), files.len());
}

/// `doc_cfg` writes the features beside each item, and is known to the compiler that docs.rs takes.
#[test]
fn docs_rs_shows_every_feature_and_what_needs_it() {
    let manifest = read("idempotent-runtime/Cargo.toml");
    assert!(manifest.contains("[package.metadata.docs.rs]\nall-features = true\n"), "{manifest}");
    assert!(read("idempotent-runtime/src/lib.rs").contains("#![cfg_attr(docsrs, feature(doc_cfg))]\n"));
}

#[test]
fn the_changelog_tells_of_the_version_that_is_built() {
    let version = env!("CARGO_PKG_VERSION");
    let manifest = read("Cargo.toml");
    assert!(manifest.contains(&format!("version = \"{version}\"")), "{version}");
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains(version), "CHANGELOG.md says nothing of {version}");
}
