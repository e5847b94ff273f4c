//! Bodies of responses: streamed or whole, within the limit or over it, broken or endless.

use std::{
    convert::Infallible,
    io::Read,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use actix_web::{
    HttpResponse, Responder,
    body::{BodyStream, SizedStream},
    web::{self, Bytes, ServiceConfig},
};
use futures_util::{Stream, StreamExt, stream};
use idempotent_runtime::idempotent;
use idempotent_tests::{Connection, fresh, post};
use tokio::sync::Semaphore;

use super::KEY;
use crate::fixture::{Effects, Served, assert_replayed, serve};

const LIMIT: usize = 10_000;
const CLOSE: &str = "Connection: close";

/// Numbered lines, `count` of them, each a chunk of its own.
fn lines(count: usize) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter((0..count).map(|number| Ok(Bytes::from(line(number)))))
}

fn line(number: usize) -> String {
    format!("line {number:04}\n")
}

fn text(count: usize) -> String {
    (0..count).map(line).collect()
}

/// So many lines are within the limit, and one more is not.
const FIT: usize = LIMIT / 10;

#[idempotent]
async fn streamed(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Ok().insert_header(("X-Kind", "stream")).streaming(lines(*count))
}

/// Like `streamed`, and each chunk comes late.
#[idempotent]
async fn slow(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Ok().streaming(lines(*count).then(|chunk| async {
        actix_web::rt::task::yield_now().await;
        chunk
    }))
}

#[idempotent]
async fn sized_stream(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Ok().body(SizedStream::new(*count as u64 * 10, lines(*count)))
}

#[idempotent]
async fn whole(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    text(*count)
}

#[idempotent(replay = "final")]
async fn large_failure(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::InternalServerError().streaming(lines(*count))
}

/// Half of the lines, and then an error.
#[idempotent]
async fn broken(count: web::Path<usize>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    let failure = stream::iter([Err(std::io::Error::other("half-way"))]);
    let half = lines(*count / 2).map(|chunk| Ok(chunk.unwrap_or_default()));
    HttpResponse::Ok().body(BodyStream::new(half.chain(failure)))
}

/// One event at once, and one when the test lets it go on.
#[idempotent]
async fn events(gate: web::Data<Semaphore>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    let events = stream::unfold((0, gate.into_inner()), |(number, gate)| async move {
        if number == 2 {
            return None;
        }
        if number == 1 {
            let _passed = gate.acquire().await;
        }
        let event = Bytes::from(format!("data: {number}\n\n"));
        Some((Ok::<_, Infallible>(event), (number + 1, gate)))
    });
    HttpResponse::Ok().content_type("Text/Event-Stream; charset=utf-8").streaming(events)
}

fn responses(gate: &Arc<Semaphore>) -> Served {
    let gate = Arc::clone(gate);
    serve(&fresh().max_response_body(LIMIT).build().unwrap(), move |app: &mut ServiceConfig| {
        app.app_data(web::Data::from(Arc::clone(&gate)))
            .route("/streamed/{count}", web::post().to(streamed))
            .route("/slow/{count}", web::post().to(slow))
            .route("/sized/{count}", web::post().to(sized_stream))
            .route("/whole/{count}", web::post().to(whole))
            .route("/failure/{count}", web::post().to(large_failure))
            .route("/broken/{count}", web::post().to(broken))
            .route("/events", web::post().to(events));
    })
}

fn closed_gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

#[test]
fn a_body_of_unknown_length_within_the_limit_is_replayed() {
    let server = responses(&closed_gate());
    for kind in ["streamed", "slow", "sized", "whole"] {
        for count in [0, 1, 2, FIT] {
            let (path, key) = (format!("/{kind}/{count}"), format!("Idempotency-Key: {kind}-{count}"));
            let [first, again] = [(); 2].map(|()| server.post(&path, &[&key], b""));
            assert_eq!(first.text(), text(count), "{path}");
            assert_eq!(first.header("idempotency-stored"), None, "{path}");
            assert_replayed(&first, &again);
        }
    }
    assert_eq!(server.effects(), 16);
}

#[test]
fn a_body_over_the_limit_reaches_the_first_client_whole_and_is_not_stored() {
    let server = responses(&closed_gate());
    for kind in ["streamed", "slow", "sized", "whole"] {
        for count in [FIT + 1, 10 * FIT] {
            let before = server.effects();
            let (path, key) = (format!("/{kind}/{count}"), format!("Idempotency-Key: {kind}-{count}"));
            let first = server.post(&path, &[&key], b"");
            assert_eq!((first.status, first.text() == text(count)), (200, true), "{path}");
            assert_eq!(first.header("idempotency-stored"), Some("false"), "{path}");
            for _ in 0..2 {
                let again = server.post(&path, &[&key], b"");
                assert_eq!((again.status, again.code().as_str()), (409, "response_not_stored"), "{path}");
            }
            assert_eq!(server.effects() - before, 1, "{path}");
        }
    }
}

#[test]
fn a_body_of_known_length_keeps_its_length() {
    let server = responses(&closed_gate());
    for (kind, count) in [("sized", FIT), ("sized", FIT + 1), ("whole", FIT), ("whole", FIT + 1)] {
        let key = format!("Idempotency-Key: {kind}-{count}");
        let reply = server.post(&format!("/{kind}/{count}"), &[&key], b"");
        assert_eq!(reply.header("content-length"), Some(&*(count * 10).to_string()), "{kind} {count}");
    }
}

#[test]
fn a_large_failure_frees_its_key_where_failures_are_not_stored() {
    let server = responses(&closed_gate());
    for effects in 1..=2 {
        let reply = server.post(&format!("/failure/{}", 2 * FIT), &[KEY], b"");
        assert_eq!((reply.status, reply.text() == text(2 * FIT)), (500, true));
        assert_eq!((reply.is_replay(), server.effects()), (false, effects));
    }
}

/// Reads until what came ends with `end`.
fn read_until(connection: &Connection, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut chunk = [0; 1024];
        let length = connection.stream().read(&mut chunk).unwrap();
        assert!(length > 0, "the connection ended after {:?}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&chunk[..length]);
    }
    read
}

#[test]
fn an_event_stream_passes_through_at_once() {
    let gate = closed_gate();
    let server = responses(&gate);
    let mut connection = server.connect();
    connection.send(&post("/events", &[KEY, CLOSE], b""));
    // The stream waits for the gate before its second event, so this would never come if the stream
    // were buffered.
    let start = read_until(&connection, b"data: 0\n\n\r\n");
    let head = String::from_utf8_lossy(&start).to_ascii_lowercase();
    assert!(head.contains("\r\nidempotency-stored: false\r\n"), "{head}");
    for _ in 0..2 {
        let other = server.post("/events", &[KEY], b"");
        assert_eq!((other.status, other.code().as_str()), (409, "response_not_stored"));
    }
    gate.add_permits(1);
    let rest = connection.rest();
    assert!(rest.ends_with(b"data: 1\n\n\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(server.post("/events", &[KEY], b"").code(), "response_not_stored");
    assert_eq!(server.effects(), 1);
}

#[test]
fn a_client_that_leaves_an_event_stream_does_not_free_its_key() {
    let server = responses(&closed_gate());
    let mut connection = server.connect();
    connection.send(&post("/events", &[KEY], b""));
    read_until(&connection, b"data: 0\n\n\r\n");
    drop(connection);
    assert_eq!(server.post("/events", &[KEY], b"").code(), "response_not_stored");
    assert_eq!(server.effects(), 1);
}

/// The chunks' content in what came over the wire.
fn unchunked(wire: &[u8]) -> (String, bool) {
    let wire = String::from_utf8_lossy(wire);
    let mut chunks = wire.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut content = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (content, true);
        }
        content.push_str(&rest[..size]);
        chunks = rest[size..].trim_start_matches("\r\n");
    }
    (content, false)
}

#[test]
fn a_stream_that_fails_half_way_is_sent_so_far_and_then_breaks() {
    let server = responses(&closed_gate());
    // Within the limit the error is seen before the first byte is sent, over it after.
    for count in [2, 20, 4 * FIT] {
        let (path, key) = (format!("/broken/{count}"), format!("Idempotency-Key: {count}"));
        let before = server.effects();
        let mut connection = server.connect();
        connection.send(&post(&path, &[&key], b""));
        let wire = connection.rest();
        let (content, ended) = unchunked(&wire);
        assert!(!ended, "{path}: a broken response must not look whole");
        assert_eq!(content.len(), text(count / 2).len(), "{path}");
        assert!(content == text(count / 2), "{path}");
        let head = String::from_utf8_lossy(&wire[..wire.len().min(500)]).to_ascii_lowercase();
        assert!(head.contains("\r\nidempotency-stored: false\r\n"), "{head}");
        let again = server.post(&path, &[&key], b"");
        assert_eq!((again.status, again.code().as_str()), (409, "response_not_stored"), "{path}");
        assert_eq!(server.effects() - before, 1, "{path}");
    }
}
