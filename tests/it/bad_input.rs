//! Wrong requests: their answers, and that they have no effect. Each row is bytes on a socket.

use std::time::Duration;

use actix_web::{
    HttpResponse, Responder,
    http::StatusCode,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Idempotency, KeyFormat, MemoryStore, idempotent};
use idempotent_tests::scripted::Scripted;

use crate::kit::{Calls, Effects, Served, serve};

#[idempotent(scope = "resource")]
async fn strict(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource", required = false)]
async fn optional(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource")]
async fn form(body: web::Form<Vec<(String, String)>>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().json(&*body)
}

#[idempotent(scope = "resource")]
async fn json(body: web::Json<serde_json::Value>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().json(body)
}

#[idempotent(scope = "resource")]
async fn number(_number: web::Path<(u64, u64)>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().finish()
}

/// For safe methods: without a body, which HEAD would not bring.
#[idempotent(scope = "resource")]
async fn any_method(effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::NoContent().finish()
}

const LIMIT: usize = 1_000;

fn server(store: &Scripted) -> Served {
    let builder = || Idempotency::builder().store(store.clone()).max_request_body(LIMIT);
    let plain = builder().build().unwrap();
    let uuid = builder().key_format(KeyFormat::Uuid).build().unwrap();
    let renamed = builder().header_name("X-Request-Key").build().unwrap();
    let unprocessable = builder().reused_status(StatusCode::UNPROCESSABLE_ENTITY).build().unwrap();
    let hurried = builder().body_timeout(Duration::from_millis(200)).build().unwrap();
    let under = move |path: &str, idempotency: &Idempotency, app: &mut ServiceConfig| {
        let strict = web::resource("/{row}").route(web::post().to(strict));
        app.service(web::scope(path).app_data(idempotency.clone()).service(strict));
    };
    serve(&plain, move |app| {
        under("/uuid", &uuid, app);
        under("/renamed", &renamed, app);
        under("/422", &unprocessable, app);
        under("/hurried", &hurried, app);
        app.route("/strict/{row}", web::post().to(strict))
            .route("/optional/{row}", web::post().to(optional))
            .route("/json/{row}", web::post().to(json))
            .route("/form/{row}", web::post().to(form))
            .route("/number/{number}/{row}", web::post().to(number))
            .route("/any/{row}", web::route().to(any_method));
    })
}

/// One request, and what comes of it.
struct Row {
    name: &'static str,
    /// Requests sent before it.
    before: Vec<Vec<u8>>,
    request: Vec<u8>,
    status: u16,
    /// `code` and `retryable`, or nothing where the answer is no refusal of ours.
    code: Option<(&'static str, bool)>,
    /// The `idempotency_key` that the refusal tells.
    key: Option<&'static str>,
    replay: bool,
    /// Runs of the handler for this row's requests together.
    effects: usize,
    calls: Calls,
}

const NOTHING: Calls = Calls { claims: 0, stored: 0, released: 0 };
const STORED: Calls = Calls { claims: 1, stored: 1, released: 0 };
const RELEASED: Calls = Calls { claims: 1, stored: 0, released: 1 };

impl Row {
    fn refused(name: &'static str, request: Vec<u8>, status: u16, code: &'static str) -> Row {
        Row {
            name,
            before: Vec::new(),
            request,
            status,
            code: Some((code, false)),
            key: None,
            replay: false,
            effects: 0,
            calls: NOTHING,
        }
    }

    /// Runs, and is stored.
    fn runs(name: &'static str, request: Vec<u8>) -> Row {
        Row { status: 201, code: None, effects: 1, calls: STORED, ..Row::refused(name, request, 0, "") }
    }

    /// A header line of which actix makes nothing, so that no handler is reached.
    fn unparsed(name: &'static str, line: &[u8]) -> Row {
        Row { code: None, ..Row::refused(name, strict_post(&[&key_line(line)]), 400, "") }
    }

    /// An extractor's own answer.
    fn extractor(name: &'static str, request: Vec<u8>, status: u16) -> Row {
        Row { status, code: None, calls: RELEASED, ..Row::refused(name, request, 0, "") }
    }

    fn told(self, key: &'static str) -> Row {
        Row { key: Some(key), ..self }
    }

    fn retryable(self) -> Row {
        Row { code: self.code.map(|(code, _)| (code, true)), ..self }
    }

    fn after(self, before: Vec<u8>) -> Row {
        Row { before: vec![before], ..self }
    }

    fn replays(self) -> Row {
        let calls = Calls { claims: 2, ..STORED };
        Row { replay: true, calls, ..self }
    }
}

/// A request with these header lines; `ROW` in the path becomes the row's number.
fn request(method: &str, path: &str, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path}/ROW HTTP/1.1\r\nHost: test\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

fn post(path: &str, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let lines: Vec<&[u8]> = [length.as_bytes()].into_iter().chain(lines.iter().copied()).collect();
    request("POST", path, &lines, body)
}

fn strict_post(lines: &[&[u8]]) -> Vec<u8> {
    post("/strict", lines, b"body")
}

fn key_line(value: &[u8]) -> Vec<u8> {
    [b"Idempotency-Key: ", value].concat()
}

fn keyed(path: &str, value: &[u8], body: &[u8]) -> Vec<u8> {
    post(path, &[&key_line(value)], body)
}

fn json_post(value: &[u8], content_type: &[u8], body: &[u8]) -> Vec<u8> {
    post("/json", &[&key_line(value), &[b"Content-Type: ", content_type].concat()], body)
}

fn chunked(body_in: &[usize]) -> Vec<u8> {
    let mut body = Vec::new();
    for length in body_in {
        body.extend_from_slice(format!("{length:x}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'x', *length));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    request("POST", "/strict", &[b"Idempotency-Key: k", b"Transfer-Encoding: chunked"], &body)
}

fn invalid_keys() -> Vec<Row> {
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

fn valid_keys() -> Vec<Row> {
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

fn missing_and_formats() -> Vec<Row> {
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

fn bodies() -> Vec<Row> {
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

fn reused() -> Vec<Row> {
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

fn extractors() -> Vec<Row> {
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

fn methods() -> Vec<Row> {
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

/// The request of the row with this number, whose path is its own.
fn numbered(request: &[u8], number: usize) -> Vec<u8> {
    let at = request.windows(4).position(|window| window == b"/ROW").unwrap();
    [&request[..at], format!("/{number}").as_bytes(), &request[at + 4..]].concat()
}

#[test]
fn every_bad_request_gets_its_answer_and_has_no_effect() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut rows = invalid_keys();
    rows.extend(valid_keys());
    rows.extend(missing_and_formats());
    rows.extend(bodies());
    rows.extend(reused());
    rows.extend(extractors());
    rows.extend(methods());
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let wrong: Vec<String> =
        rows.iter().enumerate().filter_map(|(number, row)| check(&server, &store, number, row)).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Fault of a row, if there is any.
fn check(server: &Served, store: &Scripted, number: usize, row: &Row) -> Option<String> {
    let (effects, calls) = (server.effects(), Calls::to(store));
    for before in &row.before {
        server.send(&numbered(before, number));
    }
    let reply = server.send(&numbered(&row.request, number));
    let problem: serde_json::Value = match reply.header("content-type") {
        Some("application/problem+json") => serde_json::from_slice(&reply.body).unwrap(),
        _ => serde_json::Value::Null,
    };
    let code = problem["code"].as_str().zip(problem["retryable"].as_bool());
    let found = (
        (reply.status, code, problem["idempotency_key"].as_str(), reply.is_replay()),
        (server.effects() - effects, Calls::to(store) - calls),
    );
    let expected = ((row.status, row.code, row.key, row.replay), (row.effects, row.calls));
    (found != expected).then(|| format!("{}:\n  expected {expected:?}\n  found    {found:?}", row.name))
}

#[test]
fn a_body_that_is_refused_does_not_become_the_next_request() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    // What would be a body is a request that has an effect.
    let smuggled = numbered(&keyed("/strict", b"smuggled", b""), 1);
    let length = format!("Content-Length: {}", smuggled.len() + LIMIT);
    let head = request("POST", "/strict", &[b"Idempotency-Key: k", length.as_bytes()], b"");
    let mut connection = server.connect();
    let reply = connection.exchange(&numbered(&head, 0));
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"), "{reply:?}");
    // The server may have closed the connection already, so that writing fails.
    let _ = std::io::Write::write_all(&mut connection.stream(), &smuggled);
    assert_eq!(connection.reply(), None);
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_refused_key_leaves_the_connection_usable_or_says_that_it_does_not() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut connection = server.connect();
    for (number, body) in [&b""[..], b"", b"a body to skip", b""].into_iter().enumerate() {
        let bad = connection.exchange(&numbered(&keyed("/strict", b"a b", body), number));
        assert_eq!(bad.code(), "key_invalid");
        if bad.header("connection") == Some("close") {
            assert!(!body.is_empty(), "closed without need");
            connection = server.connect();
        }
        let good = connection.exchange(&numbered(&keyed("/strict", b"ab", b"body"), number));
        assert_eq!((good.status, good.text()), (201, "body"));
    }
    assert_eq!(server.effects(), 4);
}

#[test]
fn the_connection_may_end_within_a_body_without_a_claim() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut connection = server.connect();
    let half = request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 10"], b"half");
    connection.send(&numbered(&half, 0));
    drop(connection);
    let whole = request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 10"], b"half+half!");
    assert_eq!(server.send(&numbered(&whole, 0)).status, 201);
    assert_eq!((server.effects(), Calls::to(&store)), (1, STORED));
}
