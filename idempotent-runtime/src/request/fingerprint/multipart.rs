//! A multipart form by its parts.
//!
//! The body is taken apart here and not by a streaming parser: those forgive (a preamble, an epilogue, folded
//! headers), and what they skip would not count. Here every byte either counts or is framing, and a body with
//! anything unusual in it is compared raw.

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType, HeaderValue};

use super::PartsHasher;

/// A part with more headers is unusual; multer refuses it as well.
const MAX_HEADERS: usize = 32;

/// One part of a `multipart/form-data` body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// Name, file name, content type, and what else is said of the part, sorted.
    labels: Vec<Label>,
    content: &'a [u8],
}

/// One thing said of a part: a parameter of its disposition or one of its other headers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Label {
    name: String,
    value: Vec<u8>,
}

/// The parts of a body, in their order; `None` if it is not exactly what RFC 7578 asks for.
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
            hasher.part(&label.value);
        }
        hasher.part(part.content);
    }
}

/// Where `delimiter` is in `text`. Linear, since nothing but the first byte of a delimiter is a carriage return.
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
        let mut labels = Vec::new();
        for (at, line) in section[..end + 2].split_inclusive(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r\n").filter(|_| at < MAX_HEADERS)?;
            read_header(&mut labels, line)?;
        }
        labels.sort();
        let names = labels.iter().filter(|label| label.name == "name").count();
        (names == 1).then_some(Part { labels, content: &section[end + 4..] })
    }
}

fn read_header(labels: &mut Vec<Label>, line: &[u8]) -> Option<()> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = str::from_utf8(&line[..colon]).ok()?.to_ascii_lowercase();
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    match name.as_str() {
        "content-disposition" => read_disposition(labels, &value)?,
        // It says nothing that the content does not.
        "content-length" => {}
        token if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            labels.push(Label { name: format!("header {name}"), value: value.as_bytes().into() });
        }
        _ => return None,
    }
    Some(())
}

/// The names are read as actix-multipart reads them.
fn read_disposition(labels: &mut Vec<Label>, value: &HeaderValue) -> Option<()> {
    let disposition = ContentDisposition::from_raw(value).ok()?;
    labels.extend(disposition.parameters.into_iter().map(label));
    (disposition.disposition == DispositionType::FormData).then_some(())
}

fn label(parameter: DispositionParam) -> Label {
    let (name, value) = match parameter {
        DispositionParam::Name(value) => ("name".to_owned(), value),
        DispositionParam::Filename(value) => ("filename".to_owned(), value),
        DispositionParam::FilenameExt(value) => ("filename*".to_owned(), value.to_string()),
        DispositionParam::Unknown(name, value) => (format!("parameter {name}"), value),
        DispositionParam::UnknownExt(name, value) => (format!("parameter {name}*"), value.to_string()),
    };
    Label { name, value: value.into_bytes() }
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
        let labels: Vec<_> = parts[1]
            .labels
            .iter()
            .map(|label| (label.name.as_str(), str::from_utf8(&label.value).unwrap()))
            .collect();
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
        assert_differs(&BODY.replace("a.txt\"", "a.txt\"; filename*=utf-8''b"));
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
            BODY.replace("Content-Type: text/plain", "Content-Disposition: form-data; name=x"),
            BODY.replace("Content-Disposition: form-data; name=\"amount\"\r\n", ""),
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
