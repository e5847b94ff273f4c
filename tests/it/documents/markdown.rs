//! The part of Markdown that links and anchors are made of.

/// The text without its blocks of code, and without code within lines.
fn prose(text: &str) -> String {
    let mut fence = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
        } else if !fence {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    let parts = line.split('`');
    // A placeholder, since a link's text may be code as a whole.
    parts.enumerate().map(|(number, part)| if number % 2 == 0 { part } else { "code" }).collect()
}

/// Anchors that a page offers: its headings as GitHub and rustdoc name them, and its own `id`s.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#') && line.contains("# ")).map(anchor);
    let own = prose.match_indices("<a id=\"").map(|(at, start)| {
        let id = &prose[at + start.len()..];
        id[..id.find('"').unwrap()].to_owned()
    });
    headings.chain(own).collect()
}

fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let letters = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    letters.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Targets of links within lines: `[text](target)`.
pub(super) fn targets(text: &str) -> Vec<String> {
    after(text, "](").map(|rest| rest.split([')', ' ']).next().unwrap().to_owned()).collect()
}

/// Labels that links name: `[text][label]`.
pub(super) fn labels(text: &str) -> Vec<String> {
    after(text, "][").map(|rest| rest.split(']').next().unwrap().to_owned()).collect()
}

fn after<'a>(text: &str, mark: &'a str) -> impl Iterator<Item = String> + use<'a> {
    let lines: Vec<String> = prose(text).lines().map(without_code).collect();
    lines.into_iter().flat_map(move |line| {
        let found: Vec<_> = line.split(mark).skip(1).map(str::to_owned).collect();
        found
    })
}

/// Definitions of labels, with their targets: `[label]: target`.
pub(super) fn definitions(text: &str) -> Vec<(String, String)> {
    let prose = prose(text);
    let lines = prose.lines().filter(|line| line.starts_with('['));
    let pairs = lines.filter_map(|line| line[1..].split_once("]: "));
    pairs.map(|(label, target)| (label.to_owned(), target.trim().to_owned())).collect()
}

#[test]
fn anchors_are_those_that_readers_get() {
    let page =
        "# The 1st: `code_b`\n\n```sh\n# no heading\n```\n\n## What's new, here?\n<a id=\"/own\"></a>\n";
    assert_eq!(anchors(page), ["the-1st-code_b", "whats-new-here", "/own"]);
}

#[test]
fn links_are_found_and_code_is_left_alone() {
    let page = "A [page](a.md#b), `x[0](y)`, [`code`](c.md) and [another][d].\n\n[d]: e.md\n";
    assert_eq!(targets(page), ["a.md#b", "c.md"]);
    assert_eq!(labels(page), ["d"]);
    assert_eq!(definitions(page), [("d".to_owned(), "e.md".to_owned())]);
}
