//! Identity of requests: by scope, by who is calling, and by what they ask for.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpRequest, HttpResponse, Responder, error::ErrorForbidden, post, put, web};
use idempotent_runtime::{Idempotency, MemoryStore, Principal, StoreError, idempotent};
use idempotent_tests::{fresh, scripted::Scripted};

use crate::{
    kit::{
        Effects,
        Is::{self, New, Replayed, Reused},
        Served, assert_replayed, is, serve,
    },
    log,
};

#[idempotent]
async fn endpoint(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource")]
async fn resource(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "global")]
async fn global(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "group:pay")]
async fn group(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "group:refund")]
async fn other_group(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(fingerprint = "canonical")]
async fn canonical(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(fingerprint = "by_order_number")]
async fn by_function(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

fn by_order_number(request: &HttpRequest, body: &[u8]) -> Vec<u8> {
    let tenant = request.headers().get("x-tenant").map_or(&b""[..], |tenant| tenant.as_bytes());
    let number = body.split(|&byte| byte == b' ').next().unwrap_or_default();
    [tenant, b"/", number].concat()
}

#[idempotent]
async fn panics() -> HttpResponse {
    panic!("on purpose")
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/endpoint/{id}", web::post().to(endpoint))
        .route("/endpoint/{id}", web::put().to(endpoint))
        .route("/other-endpoint/{id}", web::post().to(endpoint))
        .route("/resource/{id}", web::post().to(resource))
        .route("/resource/{id}", web::put().to(resource))
        .route("/other-resource/{id}", web::post().to(resource))
        .route("/global/{id}", web::post().to(global))
        .route("/global/{id}", web::put().to(global))
        .route("/other-global/{id}", web::post().to(global))
        .route("/group/{id}", web::post().to(group))
        .route("/group/{id}", web::put().to(group))
        .route("/other-group/{id}", web::post().to(group))
        .route("/refund/{id}", web::post().to(other_group))
        .route("/canonical", web::post().to(canonical))
        .route("/by-function", web::post().to(by_function))
        .route("/panics", web::post().to(panics));
}

fn start(idempotency: &Idempotency) -> Served {
    serve(idempotency, routes)
}

fn start_plain() -> Served {
    start(&fresh().build().unwrap())
}

const KEY: &str = "Idempotency-Key: k";

fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let post = idempotent_tests::post(path, headers, body);
    [method.as_bytes(), &post[4..]].concat()
}

#[test]
fn a_key_is_unique_within_its_scope() {
    // POST /SCOPE/1, and then a request with the same key: method, path, body, and what it is.
    let rows = [
        ("endpoint", "POST", "/endpoint/1", "body", Replayed),
        ("endpoint", "POST", "/endpoint/1", "other", Reused),
        ("endpoint", "POST", "/endpoint/2", "body", Reused),
        ("endpoint", "PUT", "/endpoint/1", "body", New),
        ("endpoint", "POST", "/other-endpoint/1", "body", New),
        ("endpoint", "POST", "/endpoint/1?a=b", "body", Reused),
        ("resource", "POST", "/resource/1", "body", Replayed),
        ("resource", "POST", "/resource/1", "other", Reused),
        ("resource", "POST", "/resource/2", "body", New),
        ("resource", "POST", "/resource/2", "other", New),
        ("resource", "PUT", "/resource/1", "body", New),
        ("resource", "POST", "/other-resource/1", "body", New),
        ("resource", "POST", "/resource/1?a=b", "body", Reused),
        ("global", "POST", "/global/1", "body", Replayed),
        ("global", "POST", "/global/1", "other", Reused),
        ("global", "POST", "/global/2", "body", Reused),
        ("global", "PUT", "/global/1", "body", Reused),
        ("global", "POST", "/other-global/1", "body", Reused),
        ("global", "POST", "/endpoint/1", "body", New),
        ("group", "POST", "/group/1", "body", Replayed),
        ("group", "POST", "/group/1", "other", Reused),
        ("group", "POST", "/group/2", "body", Replayed),
        ("group", "PUT", "/group/1", "body", Replayed),
        ("group", "POST", "/other-group/1", "body", Replayed),
        ("group", "POST", "/other-group/1", "other", Reused),
        ("group", "POST", "/other-group/1?a=b", "body", Reused),
        ("group", "POST", "/refund/1", "body", New),
        ("group", "POST", "/global/1", "body", New),
    ];
    for (scope, method, path, body, expected) in rows {
        let server = start_plain();
        assert_eq!(is(&server.post(&format!("/{scope}/1"), &[KEY], b"body")), New);
        let second = server.send(&request(method, path, &[KEY], body.as_bytes()));
        assert_eq!(is(&second), expected, "{scope}: {method} {path} {body}");
        assert_eq!(server.effects(), 1 + usize::from(expected == New));
    }
}

fn by_account() -> Idempotency {
    fresh()
        .principal(|request| match request.headers().get("x-account") {
            None => Ok(Principal::anonymous()),
            Some(account) if account == "blocked" => Err(ErrorForbidden("this account is blocked")),
            Some(account) => Ok(Principal::new(account)),
        })
        .build()
        .unwrap()
}

#[test]
fn each_principal_has_keys_of_its_own() {
    let server = start(&by_account());
    let accounts: [&[&str]; 4] = [&[], &["X-Account:"], &["X-Account: alice"], &["X-Account: bob"]];
    for account in accounts {
        let headers = [&[KEY], account].concat();
        let first = server.post("/endpoint/1", &headers, b"body");
        assert_eq!(is(&first), New, "{account:?}");
        assert_replayed(&first, &server.post("/endpoint/1", &headers, b"body"));
    }
    assert_eq!(server.effects(), 4);
}

#[test]
fn a_principal_may_change_its_credentials_between_retries() {
    let server = start(&by_account());
    let send = |token| server.post("/endpoint/1", &[KEY, "X-Account: alice", token], b"body");
    assert_eq!(is(&send("Authorization: Bearer old")), New);
    assert_eq!(is(&send("Authorization: Bearer new")), Replayed);
}

#[test]
fn the_error_of_a_principal_is_the_response() {
    let server = start(&by_account());
    for _ in 0..2 {
        let reply = server.post("/endpoint/1", &[KEY, "X-Account: blocked"], b"body");
        assert_eq!((reply.status, reply.text()), (403, "this account is blocked"));
    }
    assert_eq!(server.effects(), 0);
}

#[test]
fn applications_that_share_a_store_are_told_apart_by_their_namespace() {
    let store = MemoryStore::new();
    let serve = |namespace: &str| {
        start(&Idempotency::builder().store(store.clone()).namespace(namespace).build().unwrap())
    };
    let [shop, again, depot] = ["shop", "shop", "depot"].map(serve);
    let send = |server: &Served| is(&server.post("/endpoint/1", &[KEY], b"body"));
    assert_eq!([send(&shop), send(&depot), send(&again), send(&depot)], [New, New, Replayed, Replayed]);
}

#[test]
fn no_shift_between_namespace_principal_and_key_makes_two_requests_one() {
    let store = MemoryStore::new();
    // Namespace, account (or none) and key; any two are different.
    let rows: [(&str, Option<&str>, &str); 14] = [
        ("ab", Some("c"), "d"),
        ("a", Some("bc"), "d"),
        ("a", Some("b"), "cd"),
        ("", Some("abc"), "d"),
        ("abc", Some(""), "d"),
        ("abc", None, "d"),
        ("", None, "abcd"),
        ("abcd", None, "\" \""),
        ("a", Some("b:c"), "d"),
        ("a:b", Some("c"), "d"),
        ("a", Some("b"), "c:d"),
        ("", Some("anonymous"), "d"),
        ("", None, "d"),
        ("anonymous", None, "d"),
    ];
    for round in [New, Replayed] {
        for (namespace, account, key) in rows {
            let idempotency = Idempotency::builder()
                .store(store.clone())
                .namespace(namespace)
                .principal(|request| {
                    let account = request.headers().get("x-account");
                    Ok(account.map_or(Principal::anonymous(), Principal::new))
                })
                .build()
                .unwrap();
            let mut headers = vec![format!("Idempotency-Key: {key}")];
            headers.extend(account.map(|account| format!("X-Account: {account}")));
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let reply = start(&idempotency).post("/global/1", &headers, b"body");
            assert_eq!(is(&reply), round, "{namespace:?} {account:?} {key:?}");
        }
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

#[post("/orders")]
#[idempotent]
async fn in_scope(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[put("/orders")]
#[idempotent]
async fn in_resource(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[test]
fn a_scope_or_a_resource_can_have_settings_of_its_own() {
    let named = |name: &str| fresh().header_name(name).build().unwrap();
    let inner = named("X-Inner");
    let resource = named("X-Resource");
    let server = serve(&named("X-Outer"), move |app| {
        app.service(in_scope)
            .service(web::scope("/inner").app_data(inner.clone()).service(in_scope))
            .service(web::resource("/resource").app_data(resource.clone()).route(web::post().to(endpoint)))
            .service(web::scope("/none").service(in_scope).service(in_resource));
    });
    let rows = [
        ("/orders", "X-Outer"),
        ("/inner/orders", "X-Inner"),
        ("/resource", "X-Resource"),
        ("/none/orders", "X-Outer"),
    ];
    for (path, own) in rows {
        for (_, name) in rows {
            let reply = server.post(path, &[&format!("{name}: k")], b"");
            let expected = if name == own { "" } else { "key_missing" };
            assert_eq!(reply.code(), expected, "{path} {name}");
        }
    }
}

#[test]
fn settings_are_taken_from_web_data_as_well() {
    let named = |name: &str| web::Data::new(fresh().header_name(name).build().unwrap());
    let (outer, inner) = (named("X-Key"), named("X-Inner"));
    let server = crate::kit::serve_bare(move |app| {
        app.app_data(outer.clone())
            .configure(routes)
            .service(web::scope("/inner").app_data(inner.clone()).service(in_scope));
    });
    assert_eq!(server.post("/inner/orders", &["X-Key: k"], b"").code(), "key_missing");
    assert_eq!(server.post("/inner/orders", &["X-Inner: k"], b"").status, 201);
    assert_eq!(server.post("/endpoint/1", &[KEY], b"").code(), "key_missing");
    assert_eq!(is(&server.post("/endpoint/1", &["X-Key: k"], b"")), New);
    assert_eq!(is(&server.post("/endpoint/1", &["X-Key: k"], b"")), Replayed);
}

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
fn no_log_line_holds_a_key_a_principal_or_a_body() {
    log::listen();
    let secrets = ["key-d41d8cd98f", "token-00b204e980", "body-0998ecf842", "account-7e"];
    let key = format!("Idempotency-Key: {}", secrets[0]);
    let token = format!("Authorization: Bearer {}", secrets[1]);
    let account = format!("X-Account: {}", secrets[3]);
    let body = secrets[2].as_bytes();
    let failing = Idempotency::builder()
        .store(Scripted::saying(|| Err(StoreError::unavailable("scripted", "the store's own words"))))
        .build()
        .unwrap();
    for idempotency in [fresh().build().unwrap(), by_account(), failing] {
        let server = start(&idempotency);
        for path in ["/endpoint/1", "/resource/1", "/global/1", "/group/1", "/canonical", "/panics"] {
            for body in [body, body, b"other"] {
                server.post(path, &[&key, &token, &account], body);
            }
        }
        let bad = format!("Idempotency-Key: {} {}", secrets[0], secrets[0]);
        server.post("/endpoint/1", &[&bad, &token], body);
    }
    let lines = log::lines();
    // It did listen: these are lines of ours.
    for told in ["the handler panicked", "the store's own words"] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told}");
    }
    for secret in secrets {
        let line = lines.iter().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
