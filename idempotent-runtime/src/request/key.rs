//! The idempotency key that a request carries.

use std::{borrow::Cow, fmt, sync::Arc};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use sfv::{Parser, StringRef};

use super::key_format::{KeyFormat, OutOfTime};
use crate::clock::Timestamp;

/// Longest key, in characters, after a quoted one is decoded.
const MAX_LENGTH: usize = 255;

/// A valid key: 1 to 255 visible ASCII characters or spaces.
///
/// It owns its text, in one allocation that its clones share: a slice of the header would keep the
/// connection's read buffer alive for as long as the handler runs. `Debug` does not print the text,
/// so that no log line holds it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(Arc<str>);

impl Key {
    /// The key of these characters, which have been checked.
    fn of(text: &str) -> Self {
        Key(text.into())
    }

    /// Characters of the key, decoded.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Characters of the key, decoded, as bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} characters)", self.0.len())
    }
}

/// Reason that a request has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// There is nothing where it was looked for.
    Missing,
    /// There is no valid key. The text says what is wrong and what is allowed.
    Invalid(&'static str),
    /// The key tells that it was made longer ago than the application's [`KeyFormat`] allows.
    Expired(Key),
}

/// Rules of an application for keys.
pub(crate) struct KeyRules<N> {
    pub(crate) format: KeyFormat,
    /// Tells the time, where the format asks for it.
    pub(crate) now: N,
}

impl<N: FnOnce() -> Timestamp> KeyRules<N> {
    /// Checks form and time of a key.
    pub(super) fn check(self, key: Key) -> Result<Key, KeyError> {
        let key = in_format(key, self.format).ok_or(KeyError::Invalid(self.format.mistake()))?;
        match self.format.check_time(key.as_str(), self.now) {
            Ok(()) => Ok(key),
            Err(OutOfTime::Late) => Err(KeyError::Expired(key)),
            Err(OutOfTime::Early) => Err(KeyError::Invalid(EARLY)),
        }
    }
}

const EARLY: &str = "it tells a time that is more than five minutes ahead of the server's clock";

/// Reads the key from the header called `name`.
///
/// The key is an RFC 8941 string, whose parameters are ignored, or the same characters bare. Both
/// forms of the same characters are the same key (draft-ietf-httpapi-idempotency-key-header-07,
/// section 2; Stripe sends it bare).
pub(crate) fn read_key(
    headers: &HeaderMap,
    name: &HeaderName,
    rules: KeyRules<impl FnOnce() -> Timestamp>,
) -> Result<Key, KeyError> {
    read_lines(headers.get_all(name).map(HeaderValue::as_bytes), rules)
}

/// Reads the key from the lines of its header.
pub(super) fn read_lines<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
    rules: KeyRules<impl FnOnce() -> Timestamp>,
) -> Result<Key, KeyError> {
    let line = lines.next().ok_or(KeyError::Missing)?;
    if lines.next().is_some() {
        return Err(KeyError::Invalid("it was sent more than once, and exactly one line is allowed"));
    }
    rules.check(parse(line).map_err(KeyError::Invalid)?)
}

/// The key of a text that is not in a header: each character stands for itself, and those of a
/// quoted key are allowed.
pub(super) fn key_of_text(text: &[u8]) -> Result<Key, KeyError> {
    match str::from_utf8(text) {
        Ok(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            sized(text).map_err(KeyError::Invalid)
        }
        _ => Err(KeyError::Invalid("a key may hold only visible ASCII characters and spaces")),
    }
}

/// Reads the key from the value of such a header. The time that it tells does not count: an
/// operator may name a key of any age.
///
/// # Errors
/// A header that is not a key; the text says what is wrong and what is allowed.
pub(crate) fn parse_key(header: &[u8], format: KeyFormat) -> Result<Key, &'static str> {
    in_format(parse(header)?, format).ok_or(format.rule())
}

fn in_format(key: Key, format: KeyFormat) -> Option<Key> {
    match format.spell(key.as_str())? {
        Cow::Borrowed(_) => Some(key),
        Cow::Owned(text) => Some(Key::of(&text)),
    }
}

fn parse(header: &[u8]) -> Result<Key, &'static str> {
    match header.trim_ascii() {
        quoted @ [b'"', ..] => parse_quoted(quoted),
        bare => parse_bare(bare),
    }
}

const BAD_STRING: &str = "a key that starts with a quote must be one RFC 8941 string: visible ASCII characters and \
     spaces between two quotes, with \\\" and \\\\ as the only escapes";

const BAD_BARE: &str = "a key without quotes may hold only visible ASCII characters other than a comma and a quote; \
     between quotes, spaces and commas are allowed as well";

fn parse_quoted(quoted: &[u8]) -> Result<Key, &'static str> {
    let text: Cow<'_, StringRef> = Parser::new(quoted).parse_item().map_err(|_| BAD_STRING)?;
    sized(text.as_str())
}

fn parse_bare(bare: &[u8]) -> Result<Key, &'static str> {
    match str::from_utf8(bare) {
        // Every byte is looked at, up to the end: the compiler can then compare many at once.
        Ok(text) if text.bytes().fold(true, |so_far, byte| so_far & is_bare(byte)) => sized(text),
        _ => Err(BAD_BARE),
    }
}

/// True for a character of a key without quotes. A comma is how intermediaries merge two header
/// lines into one.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b',' && byte != b'"'
}

fn sized(text: &str) -> Result<Key, &'static str> {
    match text.len() {
        0 => Err("the key is empty; 1 to 255 characters are allowed"),
        1..=MAX_LENGTH => Ok(Key::of(text)),
        _ => Err("the key is too long; 1 to 255 characters are allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: HeaderName = HeaderName::from_static("idempotency-key");

    fn read_lines(lines: &[&[u8]], format: KeyFormat) -> Result<Key, KeyError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(NAME, HeaderValue::from_bytes(line).unwrap());
        }
        read_key(&headers, &NAME, KeyRules { format, now: || Timestamp::from_millis(0) })
    }

    fn read(line: &[u8]) -> Option<String> {
        read_lines(&[line], KeyFormat::Any).ok().map(|key| key.as_str().to_owned())
    }

    const VALID: &[(&[u8], &str)] = &[
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"a", "a"),
        (b"\"a\"", "a"),
        (b"A", "A"),
        (b"1", "1"),
        (b"-1.5", "-1.5"),
        (b"?1", "?1"),
        (b":YWJj:", ":YWJj:"),
        (b"@1659578233", "@1659578233"),
        (b"%\x21", "%!"),
        (b"*token/x", "*token/x"),
        (b"(a)", "(a)"),
        (b"'a'", "'a'"),
        (b"  \ta \t ", "a"),
        (b" \"a\" ", "a"),
        (b"\t\"a\"\t", "a"),
        (b"\" a \"", " a "),
        (b"\" \"", " "),
        (b"\"a, b\"", "a, b"),
        (b"a;b", "a;b"),
        (b"a;b=c", "a;b=c"),
        (b";", ";"),
        (b"\"a;b\"", "a;b"),
        (b"\"a\";p", "a"),
        (b"\"a\";p=1; q=\"x\";r=?0", "a"),
        (b"\"a\";p=:YWJj:", "a"),
        (br"a\b", r"a\b"),
        (br#""a\\b""#, r"a\b"),
        (br#""a\"b""#, r#"a"b"#),
        (br#""\"""#, "\""),
        (br#""\\""#, r"\"),
        (br"\", r"\"),
        (b"~!#$&", "~!#$&"),
    ];

    const INVALID: &[&[u8]] = &[
        b"",
        b" ",
        b"\"\"",
        b"\"\";p",
        b"\"",
        b"\"a",
        b"a\"",
        b"a\"b",
        b"a b",
        b"a\tb",
        b"a,b",
        b"a, b",
        b",",
        b"\"a\", \"b\"",
        b"\"a\",\"b\"",
        b"\"a\" \"b\"",
        b"\"a\"b",
        b"\"a\" ;p",
        b"\"a\";",
        b"\"a\";=1",
        b"\"a\";P=1",
        b"\"a\";p=",
        b"(\"a\")",
        b"(\"a\" \"b\")",
        b"p=\"a\"",
        br#""a\b""#,
        br#""a\"#,
        br#""a\""#,
        b"\"a\tb\"",
        b"\xc3\xa9",
        b"\"\xc3\xa9\"",
        b"a\xffb",
        b"\xa0a",
    ];

    #[test]
    fn a_valid_key_is_read_as_its_characters() {
        for (line, key) in VALID {
            assert_eq!(read(line).as_deref(), Some(*key), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_is_neither_one_string_nor_bare_characters_is_invalid() {
        for line in INVALID {
            assert_eq!(read(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_request_without_the_header_misses_its_key() {
        assert_eq!(read_lines(&[], KeyFormat::Any), Err(KeyError::Missing));
    }

    #[test]
    fn two_header_lines_are_invalid_even_if_they_are_equal() {
        for second in ["a", "b", "\"a\"", ""] {
            let read = read_lines(&[b"a", second.as_bytes()], KeyFormat::Any);
            assert!(matches!(read, Err(KeyError::Invalid(_))), "{second}");
        }
    }

    #[test]
    fn a_key_has_at_most_255_characters_after_decoding() {
        let longest = "k".repeat(255);
        assert_eq!(read(longest.as_bytes()), Some(longest.clone()));
        assert_eq!(read(format!("\"{longest}\";p=1").as_bytes()), Some(longest.clone()));
        assert_eq!(read(format!("\"{}\"", r"\\".repeat(255)).as_bytes()), Some(r"\".repeat(255)));
        assert_eq!(read(format!("{longest}k").as_bytes()), None);
        assert_eq!(read(format!("\"{longest}k\"").as_bytes()), None);
        assert_eq!(read(format!("\"{}\"", r"\\".repeat(256)).as_bytes()), None);
    }

    #[test]
    fn a_uuid_format_takes_hyphenated_uuids_and_folds_their_case() {
        let read = |line: &str| read_lines(&[line.as_bytes()], KeyFormat::Uuid).ok();
        let lower = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let upper = lower.to_uppercase();
        assert_eq!(read(lower), read(&format!("\"{lower}\"")));
        assert_eq!(read(lower), read(&upper));
        assert_eq!(read(&upper).map(|key| key.as_str().to_owned()), Some(lower.to_owned()));
        for wrong in [
            "8e03978e40d543ddbc936894a57f9324",
            "{8e03978e-40d5-43dd-bc93-6894a57f9324}",
            "urn:uuid:8e03978e-40d5-43dd-bc93-6894a57f9324",
            "8e03978e-40d5-43dd-bc93-6894a57f932",
            "8e03978e-40d5-43dd-bc93-6894a57f93245",
            "8e03978e-40d5-43dd-bc936-894a57f9324",
            "8e03978e-40d5-43dd-bc93-6894a57f932g",
            "order-1",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_does_not_print_the_key() {
        let key = read_lines(&[b"secret"], KeyFormat::Any).unwrap();
        assert_eq!(format!("{key:?}"), "Key(6 characters)");
    }
}
