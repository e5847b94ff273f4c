//! JSON by its meaning: RFC 8785, the JSON Canonicalization Scheme.

use std::borrow::Cow;
use std::ops::Range;

use json_event_parser::{JsonEvent, SliceJsonParser};

use super::number::write_number;
use super::order::{Reordering, by_utf16};
use super::string::write_string;

/// Greatest depth. Deeper JSON is compared raw.
pub(crate) const MAX_DEPTH: usize = 128;

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Canonical form of a JSON text, in which member order, white space, and the forms of numbers and
/// escapes do not count.
///
/// `None` if the text has no canonical form and has to be compared raw. It is not JSON (RFC 8259),
/// is nested deeper than 128, starts with a byte order mark, or has an object with a repeated
/// member, which different readers read differently.
///
/// The form differs from RFC 8785 where a double does not hold exactly the number that was written:
/// see [`write_number`].
pub(crate) fn canonical(body: &[u8]) -> Option<Vec<u8>> {
    if body.starts_with(BYTE_ORDER_MARK) {
        return None;
    }
    let mut parser = SliceJsonParser::new(body);
    let mut writer = Writer::with_capacity(body.len());
    loop {
        match parser.parse_next().ok()? {
            JsonEvent::Eof => return Some(writer.finish()),
            event => writer.write(event)?,
        }
    }
}

/// Writes events without white space, in the order in which they come, and notes the objects that
/// have to be sorted.
struct Writer<'a> {
    out: Vec<u8>,
    open: Vec<Open>,
    /// Members of all open objects, the innermost object's last.
    members: Vec<Member<'a>>,
    reordering: Reordering,
}

/// An array or an object that has begun.
struct Open {
    start: usize,
    first_member: usize,
}

struct Member<'a> {
    name: Cow<'a, str>,
    range: Range<usize>,
}

impl<'a> Writer<'a> {
    fn with_capacity(capacity: usize) -> Self {
        Writer {
            out: Vec::with_capacity(capacity),
            open: Vec::new(),
            members: Vec::new(),
            reordering: Reordering::default(),
        }
    }

    /// Writes one event. `None` if the text has no canonical form.
    fn write(&mut self, event: JsonEvent<'a>) -> Option<()> {
        match event {
            JsonEvent::StartObject => self.begin(b'{')?,
            JsonEvent::StartArray => self.begin(b'[')?,
            JsonEvent::EndObject => self.end_object()?,
            JsonEvent::EndArray => self.end(b']'),
            JsonEvent::ObjectKey(name) => self.begin_member(name),
            JsonEvent::String(text) => write_string(self.value(), &text),
            JsonEvent::Number(literal) => write_number(self.value(), &literal),
            JsonEvent::Boolean(true) => self.value().extend_from_slice(b"true"),
            JsonEvent::Boolean(false) => self.value().extend_from_slice(b"false"),
            JsonEvent::Null => self.value().extend_from_slice(b"null"),
            JsonEvent::Eof => {}
        }
        Some(())
    }

    /// Output, after the comma that the next value may need.
    fn value(&mut self) -> &mut Vec<u8> {
        if !matches!(self.out.last(), None | Some(b'[' | b'{' | b':')) {
            self.out.push(b',');
        }
        &mut self.out
    }

    fn begin(&mut self, bracket: u8) -> Option<()> {
        if self.open.len() == MAX_DEPTH {
            return None;
        }
        self.value().push(bracket);
        self.open.push(Open { start: self.out.len() - 1, first_member: self.members.len() });
        Some(())
    }

    fn end(&mut self, bracket: u8) {
        self.open.pop();
        self.out.push(bracket);
    }

    fn begin_member(&mut self, name: Cow<'a, str>) {
        self.end_member();
        let start = self.value().len();
        write_string(&mut self.out, &name);
        self.out.push(b':');
        self.members.push(Member { name, range: start..start });
    }

    /// Notes the end of the innermost object's latest member.
    fn end_member(&mut self) {
        let first = self.open.last().map_or(0, |open| open.first_member);
        if let Some(member) = self.members.get_mut(first..).and_then(<[_]>::last_mut) {
            member.range.end = self.out.len();
        }
    }

    fn end_object(&mut self) -> Option<()> {
        self.end_member();
        self.out.push(b'}');
        let open = self.open.pop()?;
        let members = self.members.get_mut(open.first_member..)?;
        if !members.is_sorted_by(|a, b| by_utf16(&a.name, &b.name).is_lt()) {
            members.sort_unstable_by(|a, b| by_utf16(&a.name, &b.name));
            if members.windows(2).any(|pair| matches!(pair, [a, b] if a.name == b.name)) {
                return None;
            }
            let ranges = members.iter().map(|member| member.range.clone());
            self.reordering.add(open.start..self.out.len(), ranges);
        }
        self.members.truncate(open.first_member);
        Some(())
    }

    fn finish(self) -> Vec<u8> {
        self.reordering.apply(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Option<String> {
        canonical(body.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    fn assert_canonical(body: &str, expected: &str) {
        assert_eq!(text(body).as_deref(), Some(expected), "{body}");
        assert_eq!(text(expected).as_deref(), Some(expected), "twice {body}");
    }

    #[test]
    fn the_sample_of_rfc_8785_is_written_as_there_but_for_the_number_that_no_double_says() {
        assert_canonical(
            r#"{
                "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
                "literals": [null, true, false]
            }"#,
            r#"{"literals":[null,true,false],"numbers":[333333333.33333329,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#,
        );
    }

    #[test]
    fn members_are_sorted_as_in_the_sample_of_rfc_8785() {
        assert_canonical(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\
             \"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        );
    }

    #[test]
    fn names_are_sorted_by_what_they_say_and_not_by_how_it_is_escaped() {
        assert_canonical(r#"{"a":1,"\"":2}"#, r#"{"\"":2,"a":1}"#);
        assert_canonical(r#"{"\u0062":1,"a":2}"#, r#"{"a":2,"b":1}"#);
        assert_canonical(r#"{"\\":1,"[":2}"#, r#"{"[":2,"\\":1}"#);
    }

    #[test]
    fn objects_within_objects_are_sorted() {
        assert_canonical(
            r#" { "c" : [ { "z" : { } , "y" : [ ] } , { } ] , "b" : { "b" : 1 , "a" : { "d" : 2 , "c" : 3 } } , "" : 0 } "#,
            r#"{"":0,"b":{"a":{"c":3,"d":2},"b":1},"c":[{"y":[],"z":{}},{}]}"#,
        );
        assert_canonical(
            r#"{"a":{"d":1,"c":2},"b":{"f":3,"e":4}}"#,
            r#"{"a":{"c":2,"d":1},"b":{"e":4,"f":3}}"#,
        );
    }

    #[test]
    fn the_order_of_an_array_counts() {
        assert_ne!(text("[1,2]"), text("[2,1]"));
    }

    #[test]
    fn scalars_and_white_space_are_json() {
        for (body, expected) in [
            ("1", "1"),
            (" \t\r\n\"a\" ", "\"a\""),
            ("null", "null"),
            ("true", "true"),
            ("false", "false"),
            ("[]", "[]"),
            ("{}", "{}"),
            ("[[],{},[[]]]", "[[],{},[[]]]"),
            (r#"["[","{",":",",",""]"#, r#"["[","{",":",",",""]"#),
            (r#"{":":":"}"#, r#"{":":":"}"#),
        ] {
            assert_canonical(body, expected);
        }
    }

    #[test]
    fn a_repeated_member_has_no_canonical_form_however_it_is_escaped() {
        for body in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\/":1,"/":2}"#,
            r#"{"😀":1,"\ud83d\uDE00":2}"#,
            r#"{"":1,"":2}"#,
            r#"[{"x":{"b":1,"a":2,"b":3}}]"#,
        ] {
            assert_eq!(text(body), None, "{body}");
        }
        assert!(text(r#"[{"a":1},{"a":{"a":2}}]"#).is_some());
    }

    #[test]
    fn what_is_not_json_has_no_canonical_form() {
        for body in [
            "",
            " ",
            "[",
            "]",
            "{",
            "}",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1]]",
            "[1}",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{1:2}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\" 1}",
            "1 2",
            "1,",
            "01",
            "-01",
            "1.",
            ".1",
            "+1",
            "-",
            "1e",
            "1e+",
            "1.e1",
            "0x1",
            "NaN",
            "Infinity",
            "-Infinity",
            "nul",
            "nulll",
            "True",
            "'a'",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u123g\"",
            "\"\n\"",
            "\"\t\"",
            "\"\0\"",
            "// c\n1",
            "/**/1",
            "\u{a0}1",
            "1\0",
            "\u{feff}1",
            "\"\\ud800\"",
            "\"\\ud800x\"",
            "\"\\ud800\\ud800\"",
            "\"\\udc00\"",
            "\"\\udc00\\ud800\"",
            "\"\\ud800\\n12345\"",
        ] {
            assert_eq!(text(body), None, "{body:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_have_no_canonical_form() {
        for body in [
            &b"\"\xff\""[..],
            b"\"\xc3\"",
            b"\"\xed\xa0\x80\"",
            b"\"\xc0\x80\"",
            b"\"a\\n\xff\"",
            b"\xff",
            b"1\xff",
        ] {
            assert_eq!(canonical(body), None, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn nesting_deeper_than_128_has_no_canonical_form() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_canonical(&nested(128), &nested(128));
        assert_eq!(text(&nested(129)), None);
        assert_eq!(text(&"{\"a\":".repeat(129)), None);
        assert_eq!(text(&"[".repeat(1 << 20)), None);
    }
}
