//! Fingerprints: which requests with one key are the same request.

use super::fixture::{KEY, start_plain};
use crate::fixture::{
    Is::{self, New, Replayed, Reused},
    is,
};

/// A content type and a body.
type Typed<'a> = (&'a str, &'a [u8]);

fn compared(path: &str, first: Typed<'_>, second: Typed<'_>) -> Is {
    let server = start_plain();
    let send = |(content_type, body): Typed<'_>| {
        server.post(path, &[KEY, &format!("Content-Type: {content_type}")], body)
    };
    assert_eq!(is(&send(first)), New);
    is(&send(second))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn json_is_compared_by_what_it_means() {
    let rows: [(&[u8], &[u8], Is); 30] = [
        (br#"{"a":1,"b":2}"#, br#"{"b":2,"a":1}"#, Replayed),
        (br#"{"a":1}"#, b" {\n\t\"a\" : 1 }\r\n", Replayed),
        (br#"{"a":"b"}"#, br#"{"\u0061":"\u0062"}"#, Replayed),
        (br#""\/""#, br#""/""#, Replayed),
        (br#""\ud83d\udd11""#, "\"🔑\"".as_bytes(), Replayed),
        (b"1.0", b"1", Replayed),
        (b"1e2", b"100", Replayed),
        (b"1E+2", b"100.00", Replayed),
        (b"0.5", b"5e-1", Replayed),
        (br#"{"a":{"y":[1,{"d":1,"c":2}],"x":0}}"#, br#"{"a":{"x":0,"y":[1,{"c":2,"d":1}]}}"#, Replayed),
        (b"[1,2]", b"[2,1]", Reused),
        (b"[1,2]", b"[12]", Reused),
        (b"[[1],2]", b"[1,[2]]", Reused),
        (br#"{"a":1}"#, br#"{"a":"1"}"#, Reused),
        (br#"{"a":null}"#, b"{}", Reused),
        (br#"{"a":false}"#, br#"{"a":null}"#, Reused),
        (br#"{"a":0}"#, br#"{"a":false}"#, Reused),
        (br#"{"a":"x"}"#, br#"{"a":"X"}"#, Reused),
        (br#"{"a":"x"}"#, br#"{"A":"x"}"#, Reused),
        ("\"é\"".as_bytes(), "\"e\u{301}\"".as_bytes(), Reused),
        (b"100", b"1000", Reused),
        (b"19.99", b"19.990000000000001", Reused),
        (b"9007199254740992", b"9007199254740993", Reused),
        (b"-9007199254740992", b"-9007199254740993", Reused),
        (b"100000000000000000000", b"100000000000000000001", Reused),
        (b"0.1", b"0.1000000000000000055511151231257827", Reused),
        (b"1e400", b"1e401", Reused),
        (br#"{"a":1,"a":2}"#, br#"{"a":2,"a":1}"#, Reused),
        (br#"{"a":1,"a":2}"#, br#"{"a":2}"#, Reused),
        (b"{", b"{ ", Reused),
    ];
    for (first, second, expected) in rows {
        let shown = format!("{} {}", String::from_utf8_lossy(first), String::from_utf8_lossy(second));
        for (one, other) in [(first, second), (second, first)] {
            assert_eq!(compared("/canonical", (JSON, one), (JSON, other)), expected, "{shown}");
        }
        assert_eq!(compared("/endpoint/1", (JSON, first), (JSON, second)), Reused, "raw: {shown}");
    }
}

#[test]
fn a_body_is_compared_as_its_content_type_says() {
    let (one, other) = (&br#"{"a":1,"b":2}"#[..], &br#"{ "b": 2, "a": 1.0 }"#[..]);
    let rows: [(Typed<'_>, Typed<'_>, Is); 13] = [
        ((JSON, one), ("application/json; charset=utf-8", other), Replayed),
        ((JSON, one), ("Application/JSON;charset=\"UTF-8\"", other), Replayed),
        (("application/merge-patch+json", one), ("application/merge-patch+json", other), Replayed),
        ((JSON, one), ("application/merge-patch+json", one), Reused),
        ((JSON, one), ("text/plain", one), Reused),
        (("text/plain", one), ("text/plain", other), Reused),
        (("text/plain", one), ("text/plain", one), Replayed),
        (("application/octet-stream", b"\0\xff"), ("application/octet-stream", b"\0\xff"), Replayed),
        (("application/octet-stream", b"\0\xff"), ("application/octet-stream", b"\0\xfe"), Reused),
        ((FORM, b"a=1&b=2"), (JSON, b"a=1&b=2"), Reused),
        (("no type", one), ("no type", other), Reused),
        ((JSON, b""), (JSON, b""), Replayed),
        ((JSON, b""), (JSON, b" "), Reused),
    ];
    for (first, second, expected) in rows {
        let shown = format!("{} {}", first.0, second.0);
        assert_eq!(compared("/canonical", first, second), expected, "{shown}");
    }
}

#[test]
fn a_form_is_compared_by_its_fields() {
    let rows: [(&[u8], &[u8], Is); 12] = [
        (b"a=1&b=2", b"a=1&b=2", Replayed),
        (b"a=x+y", b"a=x%20y", Replayed),
        (b"a=%7e", b"a=~", Replayed),
        (b"%61=1", b"a=1", Replayed),
        (b"a=%c3%a9", b"a=%C3%A9", Replayed),
        (b"a=1&&b=2&", b"a=1&b=2", Replayed),
        (b"a", b"a=", Replayed),
        (b"a=1&b=2", b"b=2&a=1", Reused),
        (b"a=1&b=2", b"a=1%26b=2", Reused),
        (b"a=1", b"a=1.0", Reused),
        (b"a=1", b"a=1&a=1", Reused),
        (b"a=1%2B1", b"a=1+1", Reused),
    ];
    for (first, second, expected) in rows {
        let shown = format!("{} {}", String::from_utf8_lossy(first), String::from_utf8_lossy(second));
        assert_eq!(compared("/canonical", (FORM, first), (FORM, second)), expected, "{shown}");
    }
}

/// A multipart body of parts, each with its headers and its content.
fn multipart(boundary: &str, parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (headers, content) in parts {
        body.push_str(&format!("--{boundary}\r\n{headers}\r\n\r\n{content}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    body.into_bytes()
}

#[test]
fn a_multipart_body_is_compared_by_its_parts_and_not_by_its_boundary() {
    let amount = "Content-Disposition: form-data; name=\"amount\"";
    let file =
        "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain";
    let renamed = file.replace("a.txt", "b.txt");
    let typed = file.replace("text/plain", "text/html");
    let first: [(&str, &str); 2] = [(amount, "100"), (file, "line\r\nline")];
    let rows: [(&[(&str, &str)], Is); 8] = [
        (&first, Replayed),
        (&[(amount, "1000"), first[1]], Reused),
        (&[first[0], (file, "line\nline")], Reused),
        (&[first[0], (&renamed, "line\r\nline")], Reused),
        (&[first[0], (&typed, "line\r\nline")], Reused),
        (&[first[1], first[0]], Reused),
        (&[first[0]], Reused),
        (&[first[0], first[1], first[0]], Reused),
    ];
    for (number, (second, expected)) in rows.into_iter().enumerate() {
        for boundary in ["X", "another-boundary"] {
            let found = compared(
                "/canonical",
                ("multipart/form-data; boundary=X", &multipart("X", &first)),
                (&format!("multipart/form-data; boundary={boundary}"), &multipart(boundary, second)),
            );
            assert_eq!(found, expected, "{number} {boundary}");
        }
    }
}

#[test]
fn a_function_of_the_application_replaces_query_type_and_body_and_nothing_else() {
    let first = ("/by-function", &["X-Tenant: a", "Content-Type: text/plain"][..], "7 first attempt");
    let rows: [(&str, &[&str], &str, Is); 6] = [
        (first.0, first.1, first.2, Replayed),
        ("/by-function?attempt=2", &["X-Tenant: a", "Content-Type: text/html"], "7 second attempt", Replayed),
        ("/by-function", &["X-Tenant: a"], "7", Replayed),
        ("/by-function", &["X-Tenant: a"], "8 first attempt", Reused),
        ("/by-function", &["X-Tenant: b"], "7 first attempt", Reused),
        ("/by-function", &["X-Tenant: a", "Authorization: Bearer x"], "7 first attempt", Reused),
    ];
    for (path, headers, body, expected) in rows {
        let server = start_plain();
        let send = |path: &str, headers: &[&str], body: &str| {
            is(&server.post(path, &[&[KEY], headers].concat(), body.as_bytes()))
        };
        assert_eq!(send(first.0, first.1, first.2), New);
        assert_eq!(send(path, headers, body), expected, "{path} {headers:?} {body}");
    }
}

#[test]
fn no_shift_between_path_query_type_and_body_makes_two_requests_one() {
    let rows: [(&str, &[&str], &[u8]); 8] = [
        ("/global/1?ab", &["Content-Type: c"], b"d"),
        ("/global/1?a", &["Content-Type: bc"], b"d"),
        ("/global/1?a", &["Content-Type: b"], b"cd"),
        ("/global/1a", &["Content-Type: b"], b"cd"),
        ("/global/1?abcd", &[], b""),
        ("/global/1", &["Content-Type: abcd"], b""),
        ("/global/1", &["Content-Type: a", "Content-Type: bcd"], b""),
        ("/global/1", &[], b"abcd"),
    ];
    for (first, (path, headers, body)) in rows.iter().enumerate() {
        let server = start_plain();
        let first_reply = server.post(path, &[&[KEY], *headers].concat(), body);
        assert_eq!(is(&first_reply), New);
        for (second, (path, headers, body)) in rows.iter().enumerate() {
            let expected = if first == second { Replayed } else { Reused };
            let reply = server.post(path, &[&[KEY], *headers].concat(), body);
            assert_eq!(is(&reply), expected, "{first} {second}");
        }
    }
}
