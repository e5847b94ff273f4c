//! Links and anchors within the repository.

use std::{collections::BTreeSet, path::Path};

use super::{GUIDE, files, markdown, read, root};

/// Every document of the repository that people read as a file.
fn documents() -> Vec<String> {
    let mut all = Vec::new();
    for folder in [".", "docs/decisions", "examples", "tests", "fuzz", GUIDE] {
        all.extend(files(folder, "md").into_iter().map(|path| path.trim_start_matches("./").to_owned()));
    }
    // Made from the pages, for rustdoc.
    all.retain(|path| !path.ends_with("/definitions.md"));
    assert!(all.len() > 70, "{} documents", all.len());
    all
}

/// The file and the anchor that `target` in the document `path` leads to. `None` where it leads out
/// of the repository, or to an item that rustdoc looks up.
fn destination(path: &str, target: &str) -> Option<(String, Option<String>)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (target, None),
    };
    if let Some(page) = file.strip_prefix("crate::guide::") {
        return Some((format!("{GUIDE}/{page}.md"), anchor));
    }
    if file.contains("::") {
        return None;
    }
    let folder = Path::new(path).parent().unwrap();
    let file = if file.is_empty() { Path::new(path).into() } else { folder.join(file) };
    Some((file.to_str().unwrap().to_owned(), anchor))
}

/// The fault of a link in the document `path`, if it has one.
fn fault(path: &str, target: &str) -> Option<String> {
    let (file, anchor) = destination(path, target)?;
    if !root().join(&file).exists() {
        return Some(format!("{path}: {target}: there is no {file}"));
    }
    let anchor = anchor.filter(|_| file.ends_with(".md"))?;
    let is_there = markdown::anchors(&read(&file)).contains(&anchor);
    (!is_there).then(|| format!("{path}: {target}: {file} has no such heading"))
}

#[test]
fn every_link_and_every_anchor_leads_somewhere() {
    let mut faults = Vec::new();
    let mut count = 0;
    for path in documents() {
        let text = read(&path);
        let defined = markdown::definitions(&text).into_iter().map(|(_, target)| target);
        for target in markdown::targets(&text).into_iter().chain(defined) {
            count += 1;
            faults.extend(fault(&path, &target));
        }
    }
    assert!(count > 200, "{count} links");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_label_of_a_link_is_defined_and_every_definition_is_used() {
    let mut faults = Vec::new();
    for path in documents() {
        let text = read(&path);
        let labels: BTreeSet<String> = markdown::labels(&text).into_iter().collect();
        let defined: BTreeSet<String> =
            markdown::definitions(&text).into_iter().map(|(label, _)| label).collect();
        faults.extend(labels.symmetric_difference(&defined).map(|label| format!("{path}: {label}")));
    }
    assert_eq!(faults, Vec::<String>::new());
}
