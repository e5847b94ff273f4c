//! Keys, good and bad, and requests without one.

use super::fixture::{NOTHING, Row, key_line, keyed, post, strict_post};
use crate::fixture::Calls;

pub(super) fn invalid_keys() -> Vec<Row> {
    let long = "k".repeat(256);
    let quoted_long = format!("\"{long}\"");
    let bad = |(name, line): (&'static str, &[u8])| {
        Row::refused(name, strict_post(&[&key_line(line)]), 400, "key_invalid")
    };
    let lines: [(&str, &[u8]); 41] = [
        ("an empty line", b""),
        ("white space only", b"  \t "),
        ("an empty string", b"\"\""),
        ("an empty string with a parameter", b"\"\";p=1"),
        ("256 characters", long.as_bytes()),
        ("256 quoted characters", quoted_long.as_bytes()),
        ("a space in a bare key", b"a b"),
        ("a comma in a bare key", b"a,b"),
        ("a comma and a space in a bare key", b"a, b"),
        ("a comma alone", b","),
        ("a quote in a bare key", b"a\"b"),
        ("a quote at the end of a bare key", b"a\""),
        ("one quote", b"\""),
        ("an unterminated string", b"\"abc"),
        ("a string whose last quote is escaped", br#""abc\""#),
        ("a backslash at the end of a string", br#""abc\"#),
        ("an escape of a letter", br#""a\nb""#),
        ("an escape of a space", br#""a\ b""#),
        ("an escape by code", br#""a\u0061b""#),
        ("letters after the string", b"\"a\"b"),
        ("a number after the string", b"\"a\"1"),
        ("a token after the string", b"\"a\" token"),
        ("an inner list after the string", b"\"a\" (\"b\")"),
        ("a list of two strings", b"\"a\", \"b\""),
        ("a list of two equal strings", b"\"a\",\"a\""),
        ("two strings side by side", b"\"a\" \"b\""),
        ("an inner list of strings", b"(\"a\" \"b\")"),
        ("a dictionary", b"k=\"a\""),
        ("a string and a comma", b"\"a\","),
        ("a space before a parameter", b"\"a\" ;p"),
        ("a parameter without a name", b"\"a\";=1"),
        ("a parameter in upper case", b"\"a\";P=1"),
        ("a semicolon and nothing", b"\"a\";"),
        ("a tab in a bare key", b"a\tb"),
        ("a tab in a string", b"\"a\tb\""),
        ("UTF-8 in a bare key", "clé".as_bytes()),
        ("UTF-8 in a string", "\"clé\"".as_bytes()),
        ("obs-text in a bare key", b"a\xffb"),
        ("obs-text in a string", b"\"a\xffb\""),
        ("a no-break space before the key", b"\xa0a"),
        ("an emoji", "🔑".as_bytes()),
    ];
    let mut rows: Vec<Row> = lines.into_iter().map(bad).collect();
    let two = |name, first: &[u8], second: &[u8]| {
        Row::refused(name, strict_post(&[&key_line(first), &key_line(second)]), 400, "key_invalid")
    };
    rows.extend([
        two("two equal lines", b"a", b"a"),
        two("two different lines", b"a", b"b"),
        two("a quoted and a bare line", b"\"a\"", b"a"),
        two("a line and an empty line", b"a", b""),
        Row::refused(
            "two lines in different case",
            strict_post(&[b"Idempotency-Key: a", b"idempotency-key: a"]),
            400,
            "key_invalid",
        ),
        Row::unparsed("a NUL", b"a\0b"),
        Row::unparsed("a control byte", b"a\x01b"),
        Row::unparsed("a DEL", b"a\x7fb"),
        Row::unparsed("a bare carriage return", b"a\rb"),
    ]);
    rows
}

pub(super) fn valid_keys() -> Vec<Row> {
    let long = "k".repeat(255);
    let quoted_long = format!("\"{long}\"");
    let decoded_long = format!("\"{}\"", r"\\".repeat(255));
    let good = |(name, line): (&'static str, &[u8])| Row::runs(name, strict_post(&[&key_line(line)]));
    let lines: [(&str, &[u8]); 22] = [
        ("a bare UUID", b"8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("a quoted UUID", b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\""),
        ("one character", b"a"),
        ("255 characters", long.as_bytes()),
        ("255 quoted characters", quoted_long.as_bytes()),
        ("255 characters that are escaped", decoded_long.as_bytes()),
        ("a space in a string", b"\"a b\""),
        ("a string of one space", b"\" \""),
        ("a comma in a string", b"\"a, b\""),
        ("an escaped quote", br#""a\"b""#),
        ("an escaped backslash", br#""a\\b""#),
        ("a parameter", b"\"a\";p=1"),
        ("several parameters", b"\"a\";p;q=\"x\"; r=?0;s=:YWJj:"),
        ("a semicolon in a bare key", b"a;b=c"),
        ("a bare number", b"42"),
        ("a bare boolean", b"?1"),
        ("bare bytes", b":YWJj:"),
        ("a bare token", b"*token/x"),
        ("bare parentheses", b"(a)"),
        ("apostrophes", b"'a'"),
        ("a bare backslash", br"a\b"),
        ("white space around the key", b" \ta\t "),
    ];
    let mut rows: Vec<Row> = lines.into_iter().map(good).collect();
    let pair = |name, first: &[u8], second: &[u8]| {
        Row::runs(name, strict_post(&[&key_line(second)])).after(strict_post(&[&key_line(first)]))
    };
    let same = |name, first: &[u8], second: &[u8]| pair(name, first, second).replays();
    let different = |name, first: &[u8], second: &[u8]| Row {
        effects: 2,
        calls: Calls { claims: 2, stored: 2, released: 0 },
        ..pair(name, first, second)
    };
    rows.extend([
        same("the same key again", b"a", b"a"),
        same("the quoted key again, bare", b"\"a\"", b"a"),
        same("the bare key again, quoted", b"a-b", b"\"a-b\""),
        same("the key again with a parameter", b"\"a\"", b"\"a\";attempt=2"),
        same("the key again with an escape, bare", br#""a\\b""#, br"a\b"),
        same("the key again with white space around it", b"a", b"  a\t"),
        different("the key in upper case", b"abc", b"ABC"),
        different("a quoted key in upper case", b"\"abc\"", b"\"Abc\""),
        different("a key with a space at its end", b"\"a\"", b"\"a \""),
        different("a parameter in a bare key", b"a", b"a;p=1"),
        Row::runs("the header's name in lower case", strict_post(&[b"idempotency-key: a"])),
        Row::runs("the header's name in upper case", strict_post(&[b"IDEMPOTENCY-KEY:a"])),
    ]);
    rows
}

pub(super) fn missing_and_formats() -> Vec<Row> {
    let uuid = b"8e03978e-40d5-43dd-bc93-6894a57f9324";
    let bad_uuid = |(name, line): (&'static str, &[u8])| {
        Row::refused(name, keyed("/uuid", line, b""), 400, "key_invalid")
    };
    let bad_uuids: [(&str, &[u8]); 5] = [
        ("no UUID where one is asked for", b"order-1"),
        ("a UUID without hyphens", b"8e03978e40d543ddbc936894a57f9324"),
        ("a UUID in braces", b"{8e03978e-40d5-43dd-bc93-6894a57f9324}"),
        ("a UUID as a URN", b"urn:uuid:8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("a UUID that is cut off", b"\"8e03978e-40d5-43dd-bc93-6894a57f932\""),
    ];
    let mut rows: Vec<Row> = bad_uuids.into_iter().map(bad_uuid).collect();
    let unprotected = |name, request| Row { calls: NOTHING, ..Row::runs(name, request) };
    rows.extend([
        Row::refused("no header", strict_post(&[]), 400, "key_missing"),
        Row::refused("no header and no body", post("/strict", &[], b""), 400, "key_missing"),
        Row::refused("another header", strict_post(&[b"Idempotency: a"]), 400, "key_missing"),
        Row::runs("a UUID where one is asked for", keyed("/uuid", uuid, b"")),
        Row::runs("a UUID in upper case", keyed("/uuid", &uuid.to_ascii_uppercase(), b"")),
        Row::runs("a renamed header", post("/renamed", &[b"X-Request-Key: a"], b"")),
        Row::refused(
            "the usual header where it is renamed",
            keyed("/renamed", b"a", b""),
            400,
            "key_missing",
        ),
        Row::refused(
            "a bad renamed key",
            post("/renamed", &[b"X-Request-Key: a b"], b""),
            400,
            "key_invalid",
        ),
        unprotected("no key where none is required", post("/optional", &[], b"x")),
        Row { effects: 2, ..unprotected("no key, twice", post("/optional", &[], b"x")) }.after(post(
            "/optional",
            &[],
            b"x",
        )),
        Row::runs("a key where none is required", keyed("/optional", b"a", b"x")),
        Row::runs("a retry where no key is required", keyed("/optional", b"a", b"x"))
            .after(keyed("/optional", b"a", b"x"))
            .replays(),
        Row::refused(
            "a bad key where none is required",
            keyed("/optional", b"a b", b"x"),
            400,
            "key_invalid",
        ),
        Row::refused(
            "an empty key where none is required",
            keyed("/optional", b"", b"x"),
            400,
            "key_invalid",
        ),
    ]);
    rows
}
