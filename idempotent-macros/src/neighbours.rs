//! The attributes beside ours in the source text.
//!
//! Attribute macros run from the top. A route macro above ours has already been consumed when ours
//! runs, and it has taken the other route attributes with it. What it was can only be read where it
//! was written. Without a source (generated code, an editor's unsaved file) there is nothing beside
//! us, and nothing is checked; the run time passes safe methods through in any case.

use std::fs;

use syn::Attribute;
use syn::parse::Parser;

/// The attributes directly above and directly below.
#[derive(Default)]
pub(crate) struct Neighbours {
    pub(crate) above: Vec<Attribute>,
    pub(crate) below: Vec<Attribute>,
}

impl Neighbours {
    /// Of the attribute being expanded.
    pub(crate) fn call_site() -> Self {
        read_call_site().map_or_else(Self::default, |(above, below)| Self::of_text(&above, &below))
    }

    /// Of an attribute between these two texts.
    pub(crate) fn of_text(above: &str, below: &str) -> Self {
        Self { above: parse(last_attributes(above)), below: parse(first_attributes(below)) }
    }
}

/// The text of the file before and after the attribute being expanded.
fn read_call_site() -> Option<(String, String)> {
    let span = proc_macro::Span::call_site();
    let text = fs::read_to_string(span.local_file()?).ok()?;
    let start = offset(&text, span.start())?;
    let end = offset(&text, span.end())?;
    // The file may have changed since the compiler read it.
    let is_attribute = text.get(start..end)?.starts_with('#');
    is_attribute.then(|| (text[..start].to_owned(), text[end..].to_owned()))
}

/// Offset in the text at which a span starts. Lines and columns count from one, columns in
/// characters.
fn offset(text: &str, at: proc_macro::Span) -> Option<usize> {
    let line = text.split_inclusive('\n').nth(at.line().checked_sub(1)?)?;
    let column = at.column().checked_sub(1)?;
    let in_line = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
    Some(line.as_ptr().addr() - text.as_ptr().addr() + in_line)
}

/// The longest end of `text` that starts on a line of its own and holds nothing but attributes.
fn last_attributes(text: &str) -> &str {
    let lines = text.rmatch_indices('\n').map(|(at, _)| at + 1).chain([0]);
    lines
        .map(|start| text[start..].trim_start())
        .filter(|rest| rest.starts_with('#'))
        .take_while(|rest| skip_space(&rest[first_attributes(rest).len()..]).is_empty())
        .last()
        .unwrap_or_default()
}

/// The longest start of `text` that holds nothing but attributes.
fn first_attributes(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = skip_attribute(skip_space(rest)) {
        rest = after;
    }
    &text[..text.len() - rest.len()]
}

/// Rest of the text after white space and comments.
fn skip_space(text: &str) -> &str {
    let text = text.trim_start();
    let after = if text.starts_with("//") {
        text.split_once('\n').map_or(Some(""), |(_, after)| Some(after))
    } else {
        text.strip_prefix("/*").and_then(|inside| inside.split_once("*/")).map(|(_, after)| after)
    };
    after.map_or(text, skip_space)
}

/// Rest of the text after the attribute that `text` starts with.
fn skip_attribute(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix("#[")?;
    let mut depth = 1;
    while depth > 0 {
        let next = rest.chars().next()?;
        depth = match next {
            '[' => depth + 1,
            ']' => depth - 1,
            _ => depth,
        };
        rest = skip_token(rest, next)?;
    }
    Some(rest)
}

/// Rest of the text after a string, a comment, or a single character of anything else.
fn skip_token(text: &str, first: char) -> Option<&str> {
    if first == '"' {
        return skip_string(&text[1..]);
    }
    let raw = text.strip_prefix('r').map(|after| after.trim_start_matches('#'));
    if let Some(inside) = raw.and_then(|after| after.strip_prefix('"')) {
        let hashes = text.len() - inside.len() - 2;
        return inside.split_once(&format!("\"{}", "#".repeat(hashes))).map(|(_, after)| after);
    }
    let after_comment =
        if text.starts_with("//") || text.starts_with("/*") { skip_space(text) } else { text };
    if after_comment.len() < text.len() { Some(after_comment) } else { text.get(first.len_utf8()..) }
}

fn skip_string(inside: &str) -> Option<&str> {
    let mut escaped = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    inside.get(end? + 1..)
}

/// Parses attributes. Only text that has the shape of attributes gets here: the compiler's lexer
/// reports what it cannot read, even to a macro that only wanted to try.
fn parse(text: &str) -> Vec<Attribute> {
    Attribute::parse_outer.parse_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn above(text: &str) -> Vec<String> {
        Neighbours::of_text(text, "")
            .above
            .iter()
            .map(|attr| attr.path().to_token_stream().to_string())
            .collect()
    }

    #[test]
    fn the_attributes_directly_above_are_found() {
        assert_eq!(above("fn f() {}\n\n#[get(\"/a]\")]\n// [ why\n#[doc = r#\"]\"#]\n"), ["get", "doc"]);
        assert_eq!(
            above("mod m {\n    #[cfg(test)] #[post(\n        \"/[\"\n    )] /* here */ "),
            ["cfg", "post"]
        );
    }

    #[test]
    fn another_item_s_attributes_are_not_ours() {
        assert!(above("#[get(\"/\")]\nfn f() {}\n").is_empty());
        assert!(above("// #[get(\"/\")]\n").is_empty());
        assert!(above("/*\n#[get(\"/\")]\n*/\n").is_empty());
        assert!(above("#![allow(unused)]\n").is_empty());
    }
}
