//! Requests with a good key: their bodies, their extractors and their methods.

use super::fixture::{LIMIT, NOTHING, Row, STORED, chunked, json_post, keyed, post, request};
use crate::fixture::Calls;

pub(super) fn bodies() -> Vec<Row> {
    let body = vec![b'x'; LIMIT + 1];
    let over = |name, request| Row::refused(name, request, 413, "body_too_large").told("k");
    vec![
        Row::runs("a body at the limit", keyed("/strict", b"k", &body[..LIMIT])),
        over("a body over the limit", keyed("/strict", b"k", &body)),
        over(
            "a body over the limit of which nothing is sent",
            request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 1001"], b""),
        ),
        over(
            "a body of a terabyte",
            request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 1099511627776"], b""),
        ),
        Row::runs("a chunked body at the limit", chunked(&[LIMIT])),
        Row::runs("a chunked body of many chunks at the limit", chunked(&[1; LIMIT])),
        over("a chunked body over the limit", chunked(&[LIMIT + 1])),
        over("a chunked body whose last byte is over the limit", chunked(&[LIMIT, 1])),
        over("a chunked body far over the limit", chunked(&[LIMIT; 10])),
        Row::refused(
            "a body that does not arrive",
            request("POST", "/hurried", &[b"Idempotency-Key: k", b"Content-Length: 10"], b""),
            408,
            "body_timeout",
        )
        .told("k")
        .retryable(),
        Row::refused(
            "a body that stops half-way",
            request("POST", "/hurried", &[b"Idempotency-Key: k", b"Content-Length: 10"], b"half"),
            408,
            "body_timeout",
        )
        .told("k")
        .retryable(),
        Row::refused(
            "a chunked body without its end",
            request(
                "POST",
                "/hurried",
                &[b"Idempotency-Key: k", b"Transfer-Encoding: chunked"],
                b"1\r\nx\r\n",
            ),
            408,
            "body_timeout",
        )
        .told("k")
        .retryable(),
        Row {
            code: None,
            ..Row::refused(
                "a chunk whose length is none",
                request(
                    "POST",
                    "/strict",
                    &[b"Idempotency-Key: k", b"Transfer-Encoding: chunked"],
                    b"zz\r\n",
                ),
                400,
                "",
            )
        },
    ]
}

pub(super) fn reused() -> Vec<Row> {
    let after = |name, first: Vec<u8>, second: Vec<u8>, status| Row {
        effects: 1,
        calls: Calls { claims: 2, ..STORED },
        ..Row::refused(name, second, status, "key_reused").told("k").after(first)
    };
    vec![
        after("another body", keyed("/strict", b"k", b"1"), keyed("/strict", b"k", b"2"), 409),
        after("another body, quoted", keyed("/strict", b"k", b"1"), keyed("/strict", b"\"k\"", b"2"), 409),
        after("a body where there was none", keyed("/strict", b"k", b""), keyed("/strict", b"k", b"2"), 409),
        after("another body under 422", keyed("/422", b"k", b"1"), keyed("/422", b"k", b"2"), 422),
        after(
            "another content type",
            post("/strict", &[b"Idempotency-Key: k", b"Content-Type: text/plain"], b"1"),
            post("/strict", &[b"Idempotency-Key: k", b"Content-Type: text/html"], b"1"),
            409,
        ),
        after(
            "another caller",
            post("/strict", &[b"Idempotency-Key: k", b"Authorization: Bearer a"], b"1"),
            post("/strict", &[b"Idempotency-Key: k", b"Authorization: Bearer b"], b"1"),
            409,
        ),
    ]
}

pub(super) fn extractors() -> Vec<Row> {
    let typed = |body: &[u8]| json_post(b"k", b"application/json", body);
    let after = |name, first: Vec<u8>, second: Vec<u8>| Row {
        calls: Calls { claims: 2, stored: 1, released: 1 },
        ..Row::runs(name, second).after(first)
    };
    vec![
        Row::extractor("JSON that is none", typed(b"{"), 400),
        Row::extractor("an empty body for JSON", typed(b""), 400),
        Row::extractor("JSON under another type", json_post(b"k", b"text/plain", b"{}"), 400),
        Row::extractor("JSON without a type", keyed("/json", b"k", b"{}"), 400),
        Row::extractor("a form without a type", keyed("/form", b"k", b"a=1"), 415),
        Row::runs("a number in the path", keyed("/number/7", b"k", b"")),
        Row::extractor("a path that is no number", keyed("/number/x", b"k", b""), 404),
        after("JSON corrected under the same key", typed(b"{"), typed(b"{}")),
        after("a type corrected under the same key", json_post(b"k", b"text/plain", b"{}"), typed(b"{}")),
        Row {
            status: 400,
            effects: 0,
            calls: Calls { claims: 2, stored: 0, released: 2 },
            ..Row::extractor("bad JSON again", typed(b"{"), 400).after(typed(b"{"))
        },
    ]
}

pub(super) fn methods() -> Vec<Row> {
    let safe = |name, method, lines: &[&[u8]]| Row {
        status: 204,
        calls: NOTHING,
        ..Row::runs(name, request(method, "/any", lines, b""))
    };
    let unsafe_ = |name, method| Row {
        status: 204,
        ..Row::runs(name, request(method, "/any", &[b"Idempotency-Key: k", b"Content-Length: 0"], b""))
    };
    let keyless = |name, method| {
        Row::refused(name, request(method, "/any", &[b"Content-Length: 0"], b""), 400, "key_missing")
    };
    vec![
        safe("GET without a key", "GET", &[]),
        safe("GET with a key", "GET", &[b"Idempotency-Key: k"]),
        safe("GET with a bad key", "GET", &[b"Idempotency-Key: a b"]),
        safe("HEAD without a key", "HEAD", &[]),
        safe("OPTIONS without a key", "OPTIONS", &[]),
        safe("TRACE without a key", "TRACE", &[]),
        unsafe_("PUT with a key", "PUT"),
        unsafe_("PATCH with a key", "PATCH"),
        unsafe_("DELETE with a key", "DELETE"),
        keyless("PUT without a key", "PUT"),
        keyless("DELETE without a key", "DELETE"),
    ]
}
