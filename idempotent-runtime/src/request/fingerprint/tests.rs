//! Parts that count in a fingerprint, and the golden values of its first version.

use std::time::{Duration, Instant};

use actix_web::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;

use super::*;
use crate::request::Credentials;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=B";
const PARTS: &str = "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\n1\r\n--B--\r\n";

fn request(content_type: &str, query: &str) -> HttpRequest {
    TestRequest::post()
        .uri(&format!("/orders?{query}"))
        .insert_header((CONTENT_TYPE, content_type))
        .to_http_request()
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

/// Makes a policy that compares in this way, and these headers too.
fn policy(fingerprint: Fingerprint, headers: &'static [&'static str]) -> Policy {
    Policy { fingerprint, headers, ..Policy::PLAIN }
}

/// Fingerprint by the way of comparing alone.
fn fingerprint(
    mode: &Fingerprint,
    request: &HttpRequest,
    scope_parts: &[&[u8]],
    credentials: &[Presented<'_>],
    body: &Bytes,
) -> RequestFingerprint {
    super::fingerprint(&policy(*mode, &[]), request, scope_parts, credentials, body)
}

fn of(mode: Fingerprint, content_type: &str, body: &str) -> RequestFingerprint {
    fingerprint(
        &mode,
        &request(content_type, "a=1"),
        &[b"", b"/orders"],
        &[],
        &Bytes::copy_from_slice(body.as_bytes()),
    )
}

fn raw(content_type: &str, body: &str) -> RequestFingerprint {
    of(Fingerprint::Raw, content_type, body)
}

fn canonical(content_type: &str, body: &str) -> RequestFingerprint {
    of(Fingerprint::Canonical, content_type, body)
}

fn hex(fingerprint: RequestFingerprint) -> String {
    fingerprint.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Golden values, computed by another program (Python's hashlib) from the documented composition.
#[test]
fn golden_values_of_version_1_are_what_they_were() {
    let length = Fingerprint::Function(|_, body| body.len().to_string().into_bytes());
    let caller = fingerprint(
        &Fingerprint::Raw,
        &request(JSON, ""),
        &[],
        &Credentials::Usual.presented(&bearer("x")),
        &Bytes::from_static(b"{}"),
    );
    let bare =
        fingerprint(&Fingerprint::Raw, &TestRequest::post().to_http_request(), &[], &[], &Bytes::new());
    let named = TestRequest::post()
        .insert_header((CONTENT_ENCODING, "gzip"))
        .append_header(("x-api-version", "1"))
        .append_header(("x-api-version", "2"))
        .insert_header(("accept", "a"))
        .to_http_request();
    let named = super::fingerprint(
        &policy(Fingerprint::Raw, &["accept", "x-api-version", "x-other"]),
        &named,
        &[],
        &[],
        &Bytes::new(),
    );
    for (name, value, golden) in [
        ("headers", named, "ba28936ef44464013b245d39288b162dfa5c3c7ba4574975634f7056dcff8a1b"),
        (
            "raw",
            raw(JSON, "{ \"b\": 1.0, \"a\": 2 }"),
            "adfdee06e2570ef65988709174cf4eb0c31c779f2e9c08f8a40472e845cab5e5",
        ),
        ("caller", caller, "69459e70767e1d5ec59c7e42879c9b7c7af8b4c49d82cf7352db2979c71cf07b"),
        ("bare", bare, "007d151aa0a804e4197f657206c8540796272f7221810b744262394188eef94e"),
        (
            "function",
            of(length, JSON, "{}"),
            "be1ec1a93081e2870caaa620d2e6c6cd4a5051d3331506be91d9dc8ef1fd365b",
        ),
        (
            "json",
            canonical("application/json; charset=utf-8; v=2", "{ \"b\": 1.0, \"a\": 2 }"),
            "15b7bb6d65c84acbd4f3faf98ed722c9c66a58c8d11cc8b5cb425bfe871a6554",
        ),
        (
            "form",
            canonical(FORM, "b=1&a=x+y"),
            "869455bf0404c686c60ea00de83b3a50012be644365d1b59598f362fcacf57e8",
        ),
        (
            "multipart",
            canonical(MULTIPART, PARTS),
            "67c2206200ee4bc18abee0e61c061c77b6cf953b2cd00c412053fa05db016964",
        ),
    ] {
        assert_eq!(hex(value), golden, "{name}");
    }
}

#[test]
fn raw_compares_every_byte() {
    let base = raw(JSON, "{}");
    assert_eq!(base, raw(JSON, "{}"));
    assert_ne!(base, raw(JSON, "{ }"));
    assert_ne!(base, raw("application/json; charset=utf-8", "{}"));
    assert_ne!(base, raw("application/JSON", "{}"));
}

#[test]
fn scope_credentials_query_and_content_type_count_in_every_mode() {
    let function = Fingerprint::Function(|request, _| request.query_string().into());
    for mode in [Fingerprint::Raw, Fingerprint::Canonical, function] {
        let with = |query, parts: &[&[u8]], headers: &HeaderMap| {
            let credentials = Credentials::Usual.presented(headers);
            fingerprint(&mode, &request(JSON, query), parts, &credentials, &Bytes::from_static(b"{}"))
        };
        let nobody = HeaderMap::new();
        let base = with("a=1", &[b"", b"/orders"], &nobody);
        assert_eq!(base, with("a=1", &[b"", b"/orders"], &nobody));
        assert_ne!(base, with("a=2", &[b"", b"/orders"], &nobody));
        assert_ne!(base, with("a=1", &[b"", b"/order"], &nobody));
        assert_ne!(base, with("a=1", &[b"POST", b"/orders"], &nobody));
        assert_ne!(base, with("a=1", &[b"", b"/orders", b""], &nobody));
        assert_ne!(base, with("a=1", &[b"", b"/orders"], &bearer("")));
        assert_ne!(with("a=1", &[], &bearer("x")), with("a=1", &[], &bearer("y")));
    }
}

#[test]
fn an_absent_content_type_is_not_an_empty_one_and_two_are_not_one() {
    let of = |types: &[&str]| {
        let request = types
            .iter()
            .fold(TestRequest::post(), |request, value| request.append_header((CONTENT_TYPE, *value)));
        fingerprint(&Fingerprint::Raw, &request.to_http_request(), &[], &[], &Bytes::new())
    };
    assert_ne!(of(&[]), of(&[""]));
    assert_ne!(of(&[JSON]), of(&[JSON, JSON]));
}

#[test]
fn the_content_encoding_counts_and_so_does_each_of_its_lines() {
    let of = |encodings: &[&str]| {
        let request = encodings
            .iter()
            .fold(TestRequest::post(), |request, value| request.append_header((CONTENT_ENCODING, *value)));
        fingerprint(&Fingerprint::Raw, &request.to_http_request(), &[], &[], &Bytes::new())
    };
    let all: [&[&str]; 6] = [&[], &[""], &["gzip"], &["br"], &["gzip", "br"], &["br", "gzip"]];
    for (at, encodings) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| of(other) != of(encodings)), "{encodings:?}");
    }
}

#[test]
fn named_headers_count_in_every_mode_and_one_that_is_absent_is_as_if_it_were_not_named() {
    let function = Fingerprint::Function(|_, _| Vec::new());
    for mode in [Fingerprint::Raw, Fingerprint::Canonical, function] {
        let of = |headers: &[(&'static str, &'static str)], named| {
            let request =
                headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
            super::fingerprint(&policy(mode, named), &request.to_http_request(), &[], &[], &Bytes::new())
        };
        let named: &[&str] = &["a", "b"];
        assert_eq!(of(&[], named), of(&[("c", "1")], &[]));
        assert_eq!(of(&[("a", "1")], named), of(&[("a", "1"), ("c", "1")], &["a"]));
        let lines: [&[(&str, &str)]; 8] = [
            &[],
            &[("a", "")],
            &[("a", "1")],
            &[("b", "1")],
            &[("a", "1"), ("b", "1")],
            &[("a", "1"), ("a", "1")],
            &[("a", "1"), ("a", "2")],
            &[("a", "2"), ("a", "1")],
        ];
        for (at, headers) in lines.iter().enumerate() {
            assert!(lines[..at].iter().all(|other| of(other, named) != of(headers, named)), "{headers:?}");
        }
    }
}

#[test]
fn a_function_replaces_query_type_and_body() {
    let constant = || Fingerprint::Function(|_, _| b"x".to_vec());
    assert_eq!(of(constant(), JSON, "1"), of(constant(), FORM, "2"));
    assert_ne!(of(constant(), JSON, "1"), of(Fingerprint::Function(|_, _| b"y".to_vec()), JSON, "1"));
}

#[test]
fn canonical_json_is_compared_by_its_meaning() {
    for json in [JSON, "text/json", "application/problem+json", "application/vnd.api+json; ext=x"] {
        assert_eq!(
            canonical(json, r#"{"a":1,"b":"é"}"#),
            canonical(json, r#"{ "b": "\u00e9", "a": 1.0 }"#),
            "{json}"
        );
        assert_ne!(canonical(json, r#"{"a":1}"#), canonical(json, r#"{"a":2}"#), "{json}");
    }
}

#[test]
fn the_spelling_of_a_media_type_and_its_utf_8_do_not_count() {
    for same in [
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "Application/JSON; Charset=\"utf-8\"",
        "application/json;",
    ] {
        assert_eq!(canonical(same, "[1, 2]"), canonical(JSON, "[1,2]"), "{same}");
    }
    assert_eq!(canonical("application/x-www-form-urlencoded; charset=UTF-8", "a=1"), canonical(FORM, "a=1"));
}

#[test]
fn the_media_type_and_its_other_parameters_count() {
    let types = [
        JSON,
        "text/json",
        "application/x+json",
        "application/json; v=1",
        "application/json; v=2",
        "application/json; w=1",
    ];
    for (at, a) in types.iter().enumerate() {
        for b in &types[at + 1..] {
            assert_ne!(canonical(a, "[1]"), canonical(b, "[1]"), "{a} and {b}");
        }
    }
}

#[test]
fn what_has_no_known_meaning_is_compared_exactly_as_raw() {
    for (content_type, body) in [
        ("text/plain", "a"),
        ("application/octet-stream", "{}"),
        ("not a type", "{}"),
        ("application/json; charset=iso-8859-1", "{}"),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", "a=1"),
        (JSON, ""),
        (JSON, "{"),
        (JSON, "\u{feff}{}"),
        (JSON, r#"{"a":1,"a":1}"#),
        ("multipart/form-data", PARTS),
        ("multipart/form-data; boundary=C", PARTS),
        ("multipart/mixed; boundary=B", PARTS),
        ("multipart/form-data; boundary=B; boundary=C", PARTS),
        ("application/json; v=1; V=2", "{}"),
    ] {
        assert_eq!(canonical(content_type, body), raw(content_type, body), "{content_type}: {body}");
    }
}

#[test]
fn a_compressed_body_and_a_body_of_two_types_are_compared_raw() {
    let of = |header: (_, &str), mode| {
        let request =
            TestRequest::post().insert_header((CONTENT_TYPE, FORM)).append_header(header).to_http_request();
        fingerprint(&mode, &request, &[], &[], &Bytes::from_static(b"a=1"))
    };
    for header in [(CONTENT_ENCODING, "gzip"), (CONTENT_TYPE, FORM)] {
        assert_eq!(of(header.clone(), Fingerprint::Canonical), of(header, Fingerprint::Raw));
    }
}

#[test]
fn a_raw_body_never_equals_a_canonical_one() {
    assert_ne!(canonical(JSON, "[1]"), raw(JSON, "[1]"));
    assert_ne!(canonical(FORM, "a=1"), raw(FORM, "a=1"));
    assert_ne!(canonical(MULTIPART, PARTS), raw(MULTIPART, PARTS));
}

#[test]
fn a_multipart_boundary_does_not_count_and_its_parts_do() {
    let other = "multipart/form-data; boundary=\"other\"";
    assert_eq!(canonical(MULTIPART, PARTS), canonical(other, &PARTS.replace("--B", "--other")));
    assert_ne!(canonical(MULTIPART, PARTS), canonical(MULTIPART, &PARTS.replace("\r\n1\r\n", "\r\n2\r\n")));
}

#[test]
fn debug_prints_the_first_four_bytes() {
    let fingerprint = RequestFingerprint::from_bytes([0xab; 32]);
    assert_eq!(format!("{fingerprint:?}"), "RequestFingerprint(abababab…)");
    assert_eq!(RequestFingerprint::from_bytes(*fingerprint.as_bytes()), fingerprint);
}

/// Every one of these takes a few milliseconds where the code is optimised; a quadratic step would
/// take minutes.
#[test]
fn a_mebibyte_of_hostile_input_takes_bounded_time() {
    let array = |item: &str| format!("[{}{item}]", format!("{item},").repeat((1 << 20) / (item.len() + 1)));
    let object = |name: fn(usize) -> String| {
        format!("{{{}\"\":0}}", (0..80_000).map(|at| format!("\"{}\":0,", name(at))).collect::<String>())
    };
    let nested = format!("{}{}{}", "{\"b\":".repeat(127), array("0"), ",\"a\":0}".repeat(127));
    let part = "content-disposition:form-data;name=a\r\n";
    for (content_type, body) in [
        (JSON, "[".repeat(1 << 20)),
        (JSON, nested),
        (JSON, object(|at| (99_999 - at).to_string())),
        (JSON, object(|at| (at * 7919 % 80_000).to_string() + "x")),
        (JSON, object(|_| "same".to_owned())),
        (JSON, array("{\"b\":0,\"a\":0}")),
        (JSON, array("1e-7")),
        (JSON, array("9007199254740993.0000000")),
        (JSON, format!("1e{}", "9".repeat(1 << 20))),
        (JSON, format!("\"{}\"", "\\u0000".repeat(1 << 17))),
        (FORM, "+&".repeat(1 << 19)),
        (FORM, "%".repeat(1 << 20)),
        (MULTIPART, format!("{}--B--", format!("--B\r\n{part}\r\n\r\n").repeat(1 << 14))),
        (MULTIPART, format!("--B\r\n{part}\r\n{}", "\r\n--".repeat(1 << 18))),
        (
            MULTIPART,
            format!("--B\r\ncontent-disposition:form-data{}\r\n\r\n\r\n--B--", ";a=a".repeat(1 << 18)),
        ),
    ] {
        let start = Instant::now();
        canonical(content_type, &body);
        assert!(start.elapsed() < Duration::from_secs(20), "{content_type}: {}…", &body[..80]);
    }
}
