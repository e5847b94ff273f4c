//! The value at a pointer (RFC 6901) in a JSON text, found without building the document.

use std::borrow::Cow;

use json_event_parser::{JsonEvent, SliceJsonParser};

use crate::request::fingerprint::json::{BYTE_ORDER_MARK, MAX_DEPTH};

const NOT_JSON: &str =
    "the body is not JSON (RFC 8259) of at most 128 levels, in UTF-8 without a byte order mark";
const REPEATED: &str = "a member on the way to it is there more than once";
const OTHER_TYPE: &str = "it is neither a string nor an integer";

/// Text of the string or the integer at `pointer`, or `None` where there is nothing.
///
/// The whole text is read: a member that comes again later makes the key ambiguous.
///
/// # Errors
/// A text that is not JSON within the limits of canonical fingerprints, an object on the way with a
/// repeated member, and a value of another type.
pub(super) fn find<'a>(body: &'a [u8], pointer: &str) -> Result<Option<Cow<'a, str>>, &'static str> {
    if body.is_empty() {
        return Ok(None);
    }
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(NOT_JSON);
    }
    let mut parser = SliceJsonParser::new(body);
    let mut search = Search::of(pointer);
    loop {
        match parser.parse_next().map_err(|_| NOT_JSON)? {
            JsonEvent::Eof => return Ok(search.found),
            event => search.read(event)?,
        }
    }
}

/// Search for the value at a pointer, event by event.
struct Search<'a> {
    /// Reference tokens of the pointer, decoded.
    tokens: Vec<String>,
    /// Number of arrays and objects that are open.
    depth: usize,
    /// Arrays and objects that are open and lie on the way, the outermost first.
    way: Vec<Open>,
    /// True where the next value is the one to which the way leads.
    is_next: bool,
    found: Option<Cow<'a, str>>,
}

/// An array or an object on the way.
enum Open {
    /// An object, and whether it has had the member that the pointer names.
    Object { has_had: bool },
    /// An array, and the number of its elements so far.
    Array { elements: usize },
}

impl<'a> Search<'a> {
    fn of(pointer: &str) -> Self {
        let tokens = pointer.split('/').skip(1);
        let tokens = tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        Search { tokens, depth: 0, way: Vec::new(), is_next: true, found: None }
    }

    fn read(&mut self, event: JsonEvent<'a>) -> Result<(), &'static str> {
        match event {
            JsonEvent::ObjectKey(name) => return self.name(&name),
            JsonEvent::EndObject | JsonEvent::EndArray => self.close(),
            JsonEvent::StartObject => return self.open(Open::Object { has_had: false }),
            JsonEvent::StartArray => return self.open(Open::Array { elements: 0 }),
            JsonEvent::String(text) => return self.scalar(Some(text)),
            JsonEvent::Number(text) => return self.scalar(is_integer(&text).then_some(text)),
            JsonEvent::Boolean(_) | JsonEvent::Null => return self.scalar(None),
            JsonEvent::Eof => {}
        }
        Ok(())
    }

    /// True directly in the innermost array or object on the way.
    fn is_on_way(&self) -> bool {
        self.depth == self.way.len()
    }

    /// Notes the name of a member.
    fn name(&mut self, name: &str) -> Result<(), &'static str> {
        if !self.is_on_way() {
            return Ok(());
        }
        let named = self.way.len().checked_sub(1).and_then(|at| self.tokens.get(at));
        let is_named = named.is_some_and(|token| token == name);
        if let (true, Some(Open::Object { has_had })) = (is_named, self.way.last_mut())
            && std::mem::replace(has_had, true)
        {
            return Err(REPEATED);
        }
        self.is_next = is_named;
        Ok(())
    }

    /// True where the value that begins lies on the way.
    fn takes(&mut self) -> bool {
        if !self.is_on_way() {
            return false;
        }
        let token = self.way.len().checked_sub(1).and_then(|at| self.tokens.get(at));
        match (self.way.last_mut(), token) {
            (Some(Open::Array { elements }), Some(token)) => {
                let element = *elements;
                *elements += 1;
                index(token) == Some(element)
            }
            _ => std::mem::take(&mut self.is_next),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), &'static str> {
        if self.depth == MAX_DEPTH {
            return Err(NOT_JSON);
        }
        if self.takes() {
            if self.way.len() == self.tokens.len() {
                return Err(OTHER_TYPE);
            }
            self.way.push(open);
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) {
        if self.is_on_way() {
            self.way.pop();
        }
        self.depth -= 1;
    }

    /// Notes a value that is a key, if it has a `text`.
    fn scalar(&mut self, text: Option<Cow<'a, str>>) -> Result<(), &'static str> {
        if self.takes() && self.way.len() == self.tokens.len() {
            self.found = Some(text.ok_or(OTHER_TYPE)?);
        }
        Ok(())
    }
}

/// Index that a reference token says, which has no leading zeros.
fn index(token: &str) -> Option<usize> {
    let is_index =
        token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| is_index)
}

/// True for the text of a number without fraction and exponent.
fn is_integer(text: &str) -> bool {
    text != "-0" && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str, pointer: &str) -> Result<Option<String>, &'static str> {
        find(body.as_bytes(), pointer).map(|found| found.map(Cow::into_owned))
    }

    #[test]
    fn a_string_or_an_integer_at_the_pointer_is_found() {
        for (body, pointer, expected) in [
            (r#"{"id":"evt_1"}"#, "/id", "evt_1"),
            (r#"{"id":17,"other":1}"#, "/id", "17"),
            (r#"{"id":-17}"#, "/id", "-17"),
            (r#"{"id":123456789012345678901234567890}"#, "/id", "123456789012345678901234567890"),
            (r#"{"a":{"id":"no"},"data":{"x":[1],"id":"yes"},"id":"no"}"#, "/data/id", "yes"),
            (r#"{"a":[{"id":"0"},{"id":"1"},[2]]}"#, "/a/1/id", "1"),
            (r#"["a","b"]"#, "/1", "b"),
            (r#"[[["deep"]]]"#, "/0/0/0", "deep"),
            (r#"{"a/b":{"m~n":"k"}}"#, "/a~1b/m~0n", "k"),
            (r#"{"~1":"k"}"#, "/~01", "k"),
            (r#"{"":{"":"k"}}"#, "//", "k"),
            (r#"{"\u0069d":"\u006b"}"#, "/id", "k"),
            (r#"{"0":"member"}"#, "/0", "member"),
        ] {
            assert_eq!(found(body, pointer), Ok(Some(expected.to_owned())), "{body} {pointer}");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        for (body, pointer) in [
            ("", "/id"),
            ("{}", "/id"),
            (r#"{"data":{"id":1}}"#, "/id"),
            (r#"{"id":"k"}"#, "/data/id"),
            (r#"{"data":"k"}"#, "/data/id"),
            (r#"["a"]"#, "/1"),
            (r#"["a"]"#, "/-"),
            (r#"["a","b"]"#, "/01"),
            (r#"["a"]"#, "/a"),
            (r#"[["id","k"]]"#, "/id"),
            ("\"k\"", "/id"),
        ] {
            assert_eq!(found(body, pointer), Ok(None), "{body} {pointer}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_no_key() {
        for value in ["1.0", "1e3", "-0", "true", "null", "[]", "{}", r#"["k"]"#, r#"{"id":"k"}"#] {
            assert_eq!(found(&format!(r#"{{"id":{value}}}"#), "/id"), Err(OTHER_TYPE), "{value}");
        }
    }

    #[test]
    fn a_repeated_member_on_the_way_makes_the_key_ambiguous_and_elsewhere_it_does_not() {
        for body in [
            r#"{"data":{"id":"a","id":"a"}}"#,
            r#"{"data":{"id":"a","\u0069d":"b"}}"#,
            r#"{"data":{"id":"a"},"data":{"x":1}}"#,
            r#"{"data":1,"data":{"id":"a"}}"#,
            r#"{"data":{"id":"a","x":[{"id":2}],"id":"b"}}"#,
        ] {
            assert_eq!(found(body, "/data/id"), Err(REPEATED), "{body}");
        }
        let elsewhere = r#"{"x":1,"x":2,"data":{"y":{"id":1,"id":2},"id":"a"},"x":{"data":1,"data":2}}"#;
        assert_eq!(found(elsewhere, "/data/id"), Ok(Some("a".to_owned())));
    }

    #[test]
    fn what_is_not_json_within_the_limits_has_no_key() {
        let deep = format!(r#"{{"id":"k","x":{}{}}}"#, "[".repeat(128), "]".repeat(128));
        let unended = "[".repeat(1 << 20);
        for body in [
            " ",
            "{",
            r#"{"id":"k""#,
            r#"{"id":"k"} x"#,
            r#"{"id":"k",}"#,
            "id=k",
            "\u{feff}{\"id\":\"k\"}",
            &deep,
            &unended,
        ] {
            assert_eq!(found(body, "/id"), Err(NOT_JSON), "{}", &body[..body.len().min(30)]);
        }
        assert_eq!(find(b"{\"id\":\"\xff\"}", "/id"), Err(NOT_JSON));
    }
}
