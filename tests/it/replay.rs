//! The second request gets the first one's response.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError,
    dev::Service,
    http::StatusCode,
    middleware::DefaultHeaders,
    post,
    web::{self, ServiceConfig},
};
use idempotent_runtime::idempotent;
use idempotent_tests::{Connection, Reply, TestServer, fresh, post};

use crate::kit::{Effects, Served, assert_replayed, serve};

#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint")]
async fn create_order(order: web::Json<serde_json::Value>, effects: Effects) -> impl Responder {
    let number = effects.fetch_add(1, SeqCst);
    HttpResponse::Created()
        .insert_header(("X-Number", number.to_string()))
        .append_header(("Link", "<a>"))
        .append_header(("Link", "<b>"))
        .json(serde_json::json!({ "number": number, "order": &*order }))
}

#[test]
fn a_retry_gets_the_first_response_and_has_no_effect() {
    let effects = Arc::new(AtomicUsize::new(0));
    let (idempotency, counted) = (fresh().build().unwrap(), Arc::clone(&effects));
    let server = TestServer::start(2, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::from(Arc::clone(&counted)))
            .service(create_order);
    });
    let request = post("/orders", &["Idempotency-Key: a", "Content-Type: application/json"], b"{\"sku\":1}");
    let mut connection = Connection::open(server.address());
    let first = connection.exchange(&request);
    let second = Connection::open(server.address()).exchange(&request);
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    assert_eq!((second.status, second.is_replay()), (201, true), "{second:?}");
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("x-number"), Some("0"));
    assert_eq!(values(&first, "link"), ["<a>", "<b>"]);
    assert_eq!(values(&first, "link"), values(&second, "link"));
    assert_eq!(effects.load(SeqCst), 1);
}

fn values<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
}

/// Answers with what the request asks for: `status`, `header` lines as `name: value`, and a body or
/// none.
fn asked_for(request: &HttpRequest, body: &web::Bytes) -> HttpResponse {
    let status = request.match_info().get("status").and_then(|status| status.parse().ok());
    let mut response = HttpResponse::build(StatusCode::from_u16(status.unwrap_or(200)).unwrap());
    add_headers(&mut response, body);
    if body.starts_with(b"none") { response.finish() } else { response.body(body.clone()) }
}

fn add_headers(response: &mut HttpResponseBuilder, body: &[u8]) {
    for line in body.split(|&byte| byte == b'\n') {
        if let Some((name, value)) = str::from_utf8(line).unwrap_or_default().split_once(": ") {
            response.append_header((name, value));
        }
    }
}

#[post("/all/{status}")]
#[idempotent]
async fn all(request: HttpRequest, body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    asked_for(&request, &body)
}

#[post("/final/{status}")]
#[idempotent(replay = "final")]
async fn only_final(request: HttpRequest, body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    asked_for(&request, &body)
}

#[post("/success/{status}")]
#[idempotent(replay = "success")]
async fn only_success(request: HttpRequest, body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    asked_for(&request, &body)
}

fn answering() -> Served {
    serve(&fresh().build().unwrap(), answers)
}

fn answers(app: &mut ServiceConfig) {
    app.service(all).service(only_final).service(only_success);
}

const KEY: &str = "Idempotency-Key: k";

/// The first response and that to a retry.
fn twice(server: &Served, path: &str, body: &[u8]) -> (Reply, Reply) {
    (server.post(path, &[KEY], body), server.post(path, &[KEY], body))
}

#[test]
fn status_body_and_headers_are_the_same() {
    let rows: [(u16, &[u8]); 13] = [
        (200, b"plain"),
        (200, b"Content-Type: text/plain; charset=utf-8\nX-Empty: \nETag: \"1\""),
        (201, b"Location: /orders/1\nLink: <a>\nLink: <b>\nLink: <a>"),
        (201, b"none"),
        (202, b"\0\x01\xff binary \r\n\r\n"),
        (204, b"none\nX-Deleted: 1"),
        (205, b"none"),
        (303, b"none\nLocation: /orders/1"),
        (307, b"Location: https://example.com/?a=b#c"),
        (400, b"from the handler"),
        (404, b"none"),
        (422, b"Content-Type: application/problem+json\n{}"),
        (500, b"X-Request-Id: 1"),
    ];
    for (status, body) in rows {
        let server = answering();
        let (first, again) = twice(&server, &format!("/all/{status}"), body);
        assert_eq!(first.status, status);
        assert_replayed(&first, &again);
        assert_eq!(server.effects(), 1, "{status}");
    }
}

#[test]
fn a_response_without_a_body_stays_without_one() {
    let server = answering();
    let (first, again) = twice(&server, "/all/204", b"none");
    for reply in [&first, &again] {
        assert_eq!(reply.header("content-length").unwrap_or("0"), "0");
        assert_eq!(reply.header("transfer-encoding"), None);
    }
    // Nothing is left on the connection that would be taken for the next response.
    let mut connection = server.connect();
    for _ in 0..3 {
        let reply = connection.exchange(&post("/all/204", &[KEY], b"none"));
        assert_eq!((reply.status, reply.body.len(), reply.is_replay()), (204, 0, true));
    }
}

#[test]
fn an_empty_body_is_replayed_as_an_empty_body() {
    let server = answering();
    let (first, again) = twice(&server, "/all/201", b"none");
    assert_eq!((first.header("content-length"), again.header("content-length")), (Some("0"), Some("0")));
}

#[test]
fn what_belongs_to_a_moment_a_connection_or_a_caller_is_not_replayed() {
    let lines = [
        "Set-Cookie: session=1",
        "WWW-Authenticate: Bearer",
        "Proxy-Authenticate: Basic",
        "Proxy-Authentication-Info: x",
        "Proxy-Anything: x",
        "Keep-Alive: timeout=5",
        "Trailer: X-Sum",
        "TE: trailers",
        "Upgrade: h2c",
        "X-Hop: 1",
        "X-Other-Hop: 2",
        "Connection: X-Hop,  x-other-hop",
        "Idempotent-Replayed: forged",
        "X-Kept: 3",
    ];
    let server = answering();
    let body = lines.join("\n");
    let (first, again) = twice(&server, "/all/200", body.as_bytes());
    assert_eq!(first.header("set-cookie"), Some("session=1"));
    assert_eq!(first.header("x-hop"), Some("1"));
    let mut names: Vec<&str> = again.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.retain(|name| *name != "content-type");
    assert_eq!(names, ["content-length", "date", "idempotent-replayed", "x-kept"]);
    assert_eq!(values(&again, "idempotent-replayed"), ["true"]);
}

#[test]
fn the_date_of_a_replay_is_its_own() {
    let server = answering();
    let date = "Thu, 01 Jan 1970 00:00:00 GMT";
    let (first, again) = twice(&server, "/all/200", format!("Date: {date}").as_bytes());
    assert_eq!(first.header("date"), Some(date));
    assert!(again.header("date").is_some_and(|now| now != date), "{again:?}");
}

#[test]
fn cookies_are_replayed_if_the_application_says_so() {
    let server = serve(&fresh().replay_set_cookie(true).build().unwrap(), answers);
    let (first, again) = twice(&server, "/all/200", b"Set-Cookie: a=1\nSet-Cookie: b=2; Path=/");
    assert_replayed(&first, &again);
    assert_eq!(values(&again, "set-cookie"), ["a=1", "b=2; Path=/"]);
}

#[test]
fn a_response_that_may_not_be_cached_is_stored_all_the_same() {
    let server = answering();
    let (first, again) = twice(&server, "/all/201", b"Cache-Control: no-store");
    assert_replayed(&first, &again);
    assert_eq!(again.header("cache-control"), Some("no-store"));
}

#[test]
fn which_statuses_are_stored_is_the_handlers_choice() {
    // Whether a retry is a replay under "all", "final" and "success".
    let rows: [(u16, [bool; 3]); 22] = [
        (200, [true; 3]),
        (201, [true; 3]),
        (204, [true; 3]),
        (299, [true; 3]),
        (301, [true; 3]),
        (303, [true; 3]),
        (304, [true; 3]),
        (400, [true, true, false]),
        (401, [false; 3]),
        (403, [true, true, false]),
        (404, [true, true, false]),
        (407, [false; 3]),
        (408, [false; 3]),
        (409, [true, true, false]),
        (421, [false; 3]),
        (422, [true, true, false]),
        (425, [false; 3]),
        (429, [false; 3]),
        (500, [true, false, false]),
        (502, [true, false, false]),
        (503, [true, false, false]),
        (599, [true, false, false]),
    ];
    let server = answering();
    for (status, stored) in rows {
        for (policy, stored) in ["all", "final", "success"].into_iter().zip(stored) {
            let (path, key) = (format!("/{policy}/{status}"), format!("Idempotency-Key: {status}"));
            let before = server.effects();
            let replies = [(); 3].map(|()| server.post(&path, &[&key], b"none"));
            let replayed = replies.each_ref().map(Reply::is_replay);
            assert_eq!(replayed, [false, stored, stored], "{path}");
            assert_eq!(replies.map(|reply| reply.status), [status; 3], "{path}");
            assert_eq!(server.effects() - before, if stored { 1 } else { 3 }, "{path}");
        }
    }
}

#[idempotent(replay = "final")]
async fn mends(body: web::Bytes, effects: Effects) -> impl Responder {
    match effects.fetch_add(1, SeqCst) {
        0 => HttpResponse::ServiceUnavailable().body("try again"),
        _ => HttpResponse::Created().body(body),
    }
}

#[test]
fn a_key_that_was_freed_takes_the_next_outcome_for_good() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/mends", web::post().to(mends));
    });
    assert_eq!(server.post("/mends", &[KEY], b"1").status, 503);
    // The key was freed together with what it was used for.
    let second = server.post("/mends", &[KEY], b"2");
    assert_eq!((second.status, second.text(), second.is_replay()), (201, "2", false));
    assert_replayed(&second, &server.post("/mends", &[KEY], b"2"));
    assert_eq!(server.post("/mends", &[KEY], b"1").code(), "key_reused");
}

#[derive(Debug)]
struct Refused(u16);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused with {}", self.0)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0).unwrap()
    }
}

#[idempotent]
async fn fallible(status: web::Path<u16>, effects: Effects) -> Result<impl Responder, Refused> {
    effects.fetch_add(1, SeqCst);
    match *status {
        200 => Ok("fine"),
        status => Err(Refused(status)),
    }
}

#[idempotent(replay = "final")]
async fn fallible_final(status: web::Path<u16>, effects: Effects) -> actix_web::Result<String> {
    effects.fetch_add(1, SeqCst);
    match *status {
        200 => Ok("fine".into()),
        status => Err(Refused(status).into()),
    }
}

#[test]
fn the_errors_of_a_handler_are_responses_like_others() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/fallible/{status}", web::post().to(fallible))
            .route("/final/{status}", web::post().to(fallible_final));
    });
    for (path, text, stored) in [
        ("/fallible/200", "fine", true),
        ("/fallible/402", "refused with 402", true),
        ("/fallible/500", "refused with 500", true),
        ("/final/200", "fine", true),
        ("/final/402", "refused with 402", true),
        ("/final/500", "refused with 500", false),
    ] {
        let key = format!("Idempotency-Key: {path}");
        let (first, again) = (server.post(path, &[&key], b""), server.post(path, &[&key], b""));
        assert_eq!((first.text(), again.text()), (text, text));
        assert_eq!((first.is_replay(), again.is_replay()), (false, stored), "{path}");
    }
    assert_eq!(server.effects(), 7);
}

#[idempotent]
async fn panics(effects: Effects) -> HttpResponse {
    effects.fetch_add(1, SeqCst);
    panic!("the handler's secret")
}

#[idempotent]
async fn panics_later(effects: Effects) -> HttpResponse {
    actix_web::rt::task::yield_now().await;
    effects.fetch_add(1, SeqCst);
    panic!("the handler's secret")
}

#[idempotent(replay = "final")]
async fn panics_once(effects: Effects) -> HttpResponse {
    assert!(effects.fetch_add(1, SeqCst) > 0, "the handler's secret");
    HttpResponse::Created().finish()
}

#[test]
fn a_panic_is_an_outcome_of_status_500() {
    for later in [false, true] {
        let server = serve(&fresh().build().unwrap(), move |app| {
            let route = if later { web::post().to(panics_later) } else { web::post().to(panics) };
            app.route("/panics", route);
        });
        let (first, again) = twice(&server, "/panics", b"");
        assert_eq!((first.status, first.text()), (500, ""));
        assert_replayed(&first, &again);
        assert_eq!(server.effects(), 1);
    }
}

#[test]
fn a_panic_frees_the_key_where_only_final_outcomes_are_stored() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/panics", web::post().to(panics_once));
    });
    let (first, second) = twice(&server, "/panics", b"");
    assert_eq!((first.status, second.status, second.is_replay()), (500, 201, false));
    assert_replayed(&second, &server.post("/panics", &[KEY], b""));
    assert_eq!(server.effects(), 2);
}

#[test]
fn middleware_runs_on_replays() {
    let passed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&passed);
    let server = serve(&fresh().build().unwrap(), move |app| {
        let counted = Arc::clone(&counted);
        let scope = web::scope("/api")
            .wrap(DefaultHeaders::new().add(("X-Version", "7")).add(("Access-Control-Allow-Origin", "*")))
            .wrap_fn(move |request, service| {
                let number = counted.fetch_add(1, SeqCst);
                let response = service.call(request);
                async move {
                    let mut response = response.await?;
                    let name = actix_web::http::header::HeaderName::from_static("x-request-number");
                    response.headers_mut().insert(name, number.into());
                    Ok(response)
                }
            });
        app.service(scope.configure(answers));
    });
    let (first, again) = twice(&server, "/api/all/200", b"body");
    assert_eq!((first.is_replay(), again.is_replay()), (false, true));
    for (number, reply) in ["0", "1"].into_iter().zip([&first, &again]) {
        // Added outside of the handler, so neither stored nor doubled.
        assert_eq!(values(reply, "x-version"), ["7"]);
        assert_eq!(values(reply, "access-control-allow-origin"), ["*"]);
        assert_eq!(values(reply, "x-request-number"), [number]);
    }
    assert_eq!((server.effects(), passed.load(SeqCst)), (1, 2));
}

#[test]
fn middleware_that_refuses_comes_before_a_replay() {
    let server = serve(&fresh().build().unwrap(), |app| {
        let scope = web::scope("/api").wrap_fn(|request, service| {
            let known = request.headers().contains_key("x-session");
            let response = known.then(|| service.call(request));
            async move {
                match response {
                    Some(response) => response.await,
                    None => Err(actix_web::error::ErrorUnauthorized("who are you?")),
                }
            }
        });
        app.service(scope.configure(answers));
    });
    let first = server.post("/api/all/200", &[KEY, "X-Session: 1"], b"");
    assert_eq!(first.status, 200);
    assert_eq!(server.post("/api/all/200", &[KEY], b"").status, 401);
    assert_replayed(&first, &server.post("/api/all/200", &[KEY, "X-Session: 1"], b""));
}

#[test]
fn a_large_response_is_replayed_byte_for_byte() {
    let server = serve(&fresh().build().unwrap(), |app| {
        answers(app);
        app.app_data(web::PayloadConfig::new(1 << 20));
    });
    let body: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[at as usize % 3] | 0x80).collect();
    let (first, again) = twice(&server, "/all/200", &body);
    assert_eq!(first.body, body);
    assert_replayed(&first, &again);
}

/// Posts over HTTP/2: status, value of `Idempotent-Replayed`, values of `Link`, body.
async fn post_over_http_2(
    address: std::net::SocketAddr,
    path: &str,
    body: &'static [u8],
) -> (u16, bool, Vec<String>, Vec<u8>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::post(format!("http://test{path}")).header("idempotency-key", "k").body(()).unwrap();
    let (response, mut stream) = send.send_request(request, false).unwrap();
    stream.send_data(body.into(), true).unwrap();
    let (head, mut chunks) = response.await.unwrap().into_parts();
    let mut read = Vec::new();
    while let Some(chunk) = chunks.data().await {
        let chunk = chunk.unwrap();
        chunks.flow_control().release_capacity(chunk.len()).unwrap();
        read.extend_from_slice(&chunk);
    }
    let links = head.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect();
    let replayed = head.headers.get("idempotent-replayed").is_some_and(|value| value == "true");
    (head.status.as_u16(), replayed, links, read)
}

#[test]
fn a_response_is_the_same_over_http_1_and_http_2() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = b"Link: <a>\nLink: <b>\nConnection: X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5";
    let server = answering();
    let first = server.post("/all/201", &[KEY], body);
    let (status, replayed, links, read) =
        runtime.block_on(post_over_http_2(server.address(), "/all/201", body));
    assert_eq!((status, replayed, read), (first.status, true, first.body));
    assert_eq!(links, ["<a>", "<b>"]);
    let server = answering();
    let other = b"Link: <c>\nLink: <c>";
    let first = runtime.block_on(post_over_http_2(server.address(), "/all/201", other));
    let again = server.post("/all/201", &[KEY], other);
    assert_eq!((again.status, first.1, again.is_replay()), (first.0, false, true));
    assert_eq!((values(&again, "link"), &again.body), (vec!["<c>", "<c>"], &first.3));
    let none = runtime.block_on(post_over_http_2(answering().address(), "/all/204", b"none"));
    assert_eq!((none.0, none.3.len()), (204, 0));
    assert_eq!(server.effects(), 1);
}
