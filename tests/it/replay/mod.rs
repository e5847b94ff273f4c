//! The second request gets the first one's response.

mod fixture;
mod outcomes;
mod ways;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::idempotent;
use idempotent_tests::{Connection, TestServer, fresh, post};

use self::fixture::{KEY, answering, answers, twice, values};
use crate::fixture::{Effects, assert_replayed, serve};

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
