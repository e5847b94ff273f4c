//! Parts of a multipart form.
//!
//! The body is taken apart here and not by a streaming parser. Streaming parsers forgive (a
//! preamble, an epilogue, folded headers, text behind a closing quote), and the bytes that they
//! skip would not count. Here every byte either counts or is framing.
//!
//! A body with anything unusual in it is compared raw. Unusual is everything that two readers may
//! read in two ways: a header or a parameter that is there twice, a backslash in a file name, a
//! length that is not the content's.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, HeaderName};

use super::PartsHasher;

/// Greatest number of headers of a part. A part with more is unusual; multer refuses it as well.
const MAX_HEADERS: usize = 32;

/// One part of a `multipart/form-data` body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// Name, file name, content type, and everything else that is said of the part, sorted.
    labels: Vec<Label<'a>>,
    content: &'a [u8],
}

/// A label of a part: a parameter of its disposition or one of its other headers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Label<'a> {
    name: String,
    value: &'a str,
}

/// Parts of a body, in their order. `None` if the body is not exactly in the form of RFC 7578.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    let mut rest = body.strip_prefix(&delimiter[2..])?;
    while let Some(section) = rest.strip_prefix(b"\r\n") {
        let end = find(section, &delimiter)?;
        parts.push(Part::read(&section[..end])?);
        rest = &section[end + delimiter.len()..];
    }
    matches!(rest, b"--" | b"--\r\n").then_some(parts)
}

/// Adds the parts.
pub(super) fn hash_parts(hasher: &mut PartsHasher, parts: &[Part<'_>]) {
    for part in parts {
        hasher.count(part.labels.len());
        for label in &part.labels {
            hasher.part(label.name.as_bytes());
            hasher.part(label.value.as_bytes());
        }
        hasher.part(part.content);
    }
}

/// Position of `delimiter` in `text`. The search is linear, since only the first byte of a
/// delimiter is a carriage return.
fn find(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|&byte| byte == b'\r') {
        if text[from + at..].starts_with(delimiter) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

impl<'a> Part<'a> {
    fn read(section: &'a [u8]) -> Option<Part<'a>> {
        let end = section.windows(4).position(|window| window == b"\r\n\r\n")?;
        let mut part = Part { labels: Vec::new(), content: &section[end + 4..] };
        let mut seen = Vec::new();
        for line in section[..end + 2].split_inclusive(|&byte| byte == b'\n') {
            let (name, value) = header(line.strip_suffix(b"\r\n")?)?;
            if seen.contains(&name) || seen.len() == MAX_HEADERS {
                return None;
            }
            part.read_header(&name, value)?;
            seen.push(name);
        }
        part.labels.sort();
        let is_repeated = part.labels.windows(2).any(|labels| labels[0].name == labels[1].name);
        let is_named = part.labels.iter().any(|label| label.name == "name");
        (is_named && !is_repeated).then_some(part)
    }

    fn read_header(&mut self, name: &HeaderName, value: &'a str) -> Option<()> {
        match *name {
            CONTENT_DISPOSITION => self.read_disposition(value)?,
            // A length that is right says nothing that the content does not say.
            CONTENT_LENGTH if value == self.content.len().to_string() => {}
            CONTENT_LENGTH => return None,
            _ => self.labels.push(Label { name: format!("header {name}"), value }),
        }
        Some(())
    }

    /// Reads `form-data; name="…"; filename="…"`, and other parameters that are there.
    fn read_disposition(&mut self, value: &'a str) -> Option<()> {
        let (kind, rest) = split_token(value)?;
        let mut rest = rest.trim_start_matches(SPACE);
        while !rest.is_empty() {
            let (name, after) = split_token(rest.strip_prefix(';')?.trim_start_matches(SPACE))?;
            let (value, after) = split_value(after.strip_prefix('=')?)?;
            self.labels.push(Label { name: label(name)?, value });
            rest = after.trim_start_matches(SPACE);
        }
        kind.eq_ignore_ascii_case("form-data").then_some(())
    }
}

/// White space that means nothing around a value. Any other white space is part of the value.
const SPACE: [char; 2] = [' ', '\t'];

fn header(line: &[u8]) -> Option<(HeaderName, &str)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
    let value = value.trim_matches(SPACE);
    let is_text = !value.contains(|char: char| char.is_control() && char != '\t');
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value)).filter(|_| is_text)
}

/// Parameter's name as a label. A name that ends in an asterisk has a character set of its own,
/// which a form must not use (RFC 7578, section 4.2).
fn label(parameter: &str) -> Option<String> {
    match parameter.to_ascii_lowercase() {
        name if name.ends_with('*') => None,
        name if matches!(name.as_str(), "name" | "filename") => Some(name),
        name => Some(format!("parameter {name}")),
    }
}

/// Splits off a token (RFC 9110, section 5.6.2). The second part is the text after it.
fn split_token(text: &str) -> Option<(&str, &str)> {
    let is_of_a_token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    let (token, rest) = text.split_at(text.find(|char| !is_of_a_token(char)).unwrap_or(text.len()));
    (!token.is_empty()).then_some((token, rest))
}

/// Splits off a token, or the text between two quotes. The second part is the text after it. A
/// value with a backslash is refused: the backslash escapes for one reader and stands for itself
/// for another.
fn split_value(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').filter(|(value, _)| !value.contains('\\')),
        None => split_token(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--B\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n100\r\n\
        --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        line\r\n\r\n-- B\r\n--\r\n--B--\r\n";

    fn hash(body: &str, boundary: &str) -> Option<[u8; 32]> {
        let mut hasher = PartsHasher::new(0);
        hash_parts(&mut hasher, &parts(body.as_bytes(), boundary)?);
        Some(hasher.finish())
    }

    fn assert_same(body: &str, boundary: &str) {
        assert!(hash(body, boundary).is_some(), "{body}");
        assert_eq!(hash(body, boundary), hash(BODY, "B"), "{body}");
    }

    fn assert_differs(body: &str) {
        assert!(hash(body, "B").is_some(), "{body}");
        assert_ne!(hash(body, "B"), hash(BODY, "B"), "{body}");
    }

    #[test]
    fn the_parts_are_their_names_types_and_bytes() {
        let parts = parts(BODY.as_bytes(), "B").unwrap();
        let labels: Vec<_> = parts[1].labels.iter().map(|label| (label.name.as_str(), label.value)).collect();
        assert_eq!(labels, [("filename", "a.txt"), ("header content-type", "text/plain"), ("name", "file")]);
        assert_eq!(parts[0].content, b"100");
        assert_eq!(parts[1].content, b"line\r\n\r\n-- B\r\n--");
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn the_boundary_does_not_count() {
        assert_same(
            &BODY.replace("--B", "------WebKitFormBoundary7MA4YWxk"),
            "----WebKitFormBoundary7MA4YWxk",
        );
    }

    #[test]
    fn the_spelling_of_headers_does_not_count() {
        assert_same(&BODY.replace("Content-Disposition: ", "content-disposition:"), "B");
        assert_same(&BODY.replace("name=\"amount\"", "NAME=amount"), "B");
        assert_same(
            &BODY.replace("name=\"file\"; filename=\"a.txt\"", "filename=\"a.txt\"; name=\"file\""),
            "B",
        );
        assert_same(&BODY.replace("amount\"\r\n", "amount\"\r\nContent-Length: 3\r\n"), "B");
        assert_same(BODY.trim_end(), "B");
    }

    #[test]
    fn what_a_part_says_counts() {
        assert_differs(&BODY.replace("amount", "Amount"));
        assert_differs(&BODY.replace("a.txt", "b.txt"));
        assert_differs(&BODY.replace("; filename=\"a.txt\"", ""));
        assert_differs(&BODY.replace("a.txt\"", "a.txt\"; note=b"));
        assert_differs(&BODY.replace("text/plain", "text/html"));
        assert_differs(&BODY.replace("Content-Type: text/plain\r\n", ""));
        assert_differs(&BODY.replace("100", "200"));
        assert_differs(&BODY.replace("100", ""));
        assert_differs(&BODY.replace("line\r\n", "line\n"));
        assert_differs(&BODY.replace(
            "100\r\n--B\r\n",
            "100\r\n--B\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n--B\r\n",
        ));
    }

    #[test]
    fn a_name_within_a_file_name_is_not_the_name() {
        let with = |name: &str| {
            BODY.replace("name=\"file\"; filename=\"a.txt\"", &format!("filename=\"x; name=y\"; name={name}"))
        };
        assert_ne!(hash(&with("a"), "B").unwrap(), hash(&with("b"), "B").unwrap());
    }

    #[test]
    fn the_order_of_the_parts_counts() {
        let part = |name: &str| format!("--B\r\nContent-Disposition: form-data; name={name}\r\n\r\n1\r\n");
        let (a, b) = (part("a"), part("b"));
        assert_ne!(hash(&format!("{a}{b}--B--"), "B").unwrap(), hash(&format!("{b}{a}--B--"), "B").unwrap());
    }

    #[test]
    fn a_body_with_anything_unusual_is_not_taken_apart() {
        for body in [
            String::new(),
            "--B".to_owned(),
            BODY.replace("--B--", ""),
            BODY.replace("--B--", "--B"),
            BODY.replace("--B--", "--B--x"),
            format!("preamble\r\n{BODY}"),
            format!("\r\n{BODY}"),
            format!("{BODY}epilogue"),
            format!("{BODY}--B--"),
            BODY.replace("\r\n", "\n"),
            BODY.replace("100\r\n--B", "100\r\n--B "),
            BODY.replace("100\r\n--B", "100\r\n--Bx"),
            BODY.replace("form-data", "attachment"),
            BODY.replace("name=\"amount\"", "title=\"amount\""),
            BODY.replace("name=\"amount\"", "name=\"amount\"; name=\"other\""),
            BODY.replace("name=\"amount\"", "name=\"amount"),
            BODY.replace("Content-Type: text/plain", "Content-Type text/plain"),
            BODY.replace("Content-Type: text/plain", " Content-Type: text/plain"),
            BODY.replace("Content-Type: text/plain", "Content-Type : text/plain"),
            BODY.replace("Content-Type: text/plain", ": text/plain"),
            BODY.replace("text/plain", "text/\rplain"),
            BODY.replace("text/plain", "text/plain\r"),
            BODY.replace("Content-Type: text/plain", "Content-Disposition: form-data; name=x"),
            BODY.replace("Content-Disposition: form-data; name=\"amount\"\r\n", ""),
            BODY.replace("a.txt\"", "a.txt\"; filename*=utf-8''b"),
            BODY.replace("a.txt\"", "a.txt\"; FileName=\"b.txt\""),
            BODY.replace("a.txt\"", "a.txt\"; note=a; NOTE=a"),
            BODY.replace("a.txt\"", "a.txt\"x"),
            BODY.replace("a.txt\"", "a.txt\";"),
            BODY.replace("a.txt", "a\\txt"),
            BODY.replace("\"a.txt\"", "a/b"),
            BODY.replace("form-data;", "form-data"),
            BODY.replace("text/plain", "text/plain\r\ncontent-type: text/plain"),
            BODY.replace("amount\"\r\n", "amount\"\r\nContent-Length: 4\r\n"),
            BODY.replace("amount\"\r\n", "amount\"\r\nContent-Length: 03\r\n"),
            BODY.replace("amount\"\r\n", "amount\"\r\nX(y): z\r\n"),
            BODY.replace("Content-Type: text/plain\r\n", &"X: y\r\n".repeat(MAX_HEADERS)),
        ] {
            assert_eq!(hash(&body, "B"), None, "{body}");
        }
    }

    #[test]
    fn a_form_without_parts_has_none() {
        assert_eq!(parts(b"--B--\r\n", "B"), Some(vec![]));
    }
}
