//! Bodies that arrive slowly: how long may a client be silent, and how little may it send?

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::idempotent;
use idempotent_tests::{Connection, Reply, fresh};

use crate::fixture::{Effects, Served, serve};

/// The time limit of the server: 512 bytes per second are 204 bytes in it.
const LIMIT: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(40);

#[post("/uploads")]
#[idempotent]
async fn upload(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body.len().to_string())
}

fn server() -> Served {
    serve(&fresh().body_timeout(LIMIT).build().unwrap(), |app| {
        app.service(upload);
    })
}

/// A request that has begun, with a body of so many bytes.
fn begun(server: &Served, length: usize) -> Connection {
    let mut connection = server.connect();
    let head = format!(
        "POST /uploads HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.send(head.as_bytes());
    connection
}

/// Sends `size` bytes after each pause, so often, or until the server has answered.
fn drip(connection: &mut Connection, size: usize, times: usize) {
    for _ in 0..times {
        sleep(PAUSE);
        connection.send(&vec![b'x'; size]);
    }
}

#[track_caller]
fn is_timed_out(reply: Option<Reply>) {
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (408, "body_timeout"));
    assert_eq!(reply.json()["retryable"], true);
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn a_slow_but_steady_upload_may_take_longer_than_the_time_limit() {
    let server = server();
    // 2,000 bytes per second, for three limits.
    let mut connection = begun(&server, 30 * 80);
    drip(&mut connection, 80, 30);
    let reply = connection.reply().unwrap();
    assert_eq!((reply.status, reply.text()), (201, "2400"));
    assert_eq!(server.effects(), 1);
}

#[test]
fn a_body_that_drips_is_refused_after_one_time_limit() {
    let server = server();
    let mut connection = begun(&server, 100_000);
    let began = Instant::now();
    // 250 bytes per second: never silent, and too little.
    drip(&mut connection, 10, 11);
    is_timed_out(connection.reply());
    assert!((LIMIT..LIMIT * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_body_that_began_well_and_drips_later_is_refused() {
    let server = server();
    let mut connection = begun(&server, 100_000);
    connection.send(&[b'x'; 50_000]);
    drip(&mut connection, 80, 12);
    drip(&mut connection, 5, 20);
    is_timed_out(connection.reply());
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_body_that_falls_silent_is_refused_one_time_limit_after_its_last_byte() {
    let server = server();
    let mut connection = begun(&server, 100_000);
    drip(&mut connection, 5_000, 14);
    let silent = Instant::now();
    is_timed_out(connection.reply());
    let waited = silent.elapsed();
    assert!((LIMIT - PAUSE..LIMIT + LIMIT / 2).contains(&waited), "{waited:?}");
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_short_body_may_take_the_whole_time_limit() {
    let server = server();
    let mut connection = begun(&server, 6);
    drip(&mut connection, 1, 6);
    assert_eq!(connection.reply().unwrap().status, 201);
}

#[test]
fn a_time_limit_without_end_is_one() {
    let server = serve(&fresh().body_timeout(Duration::MAX).build().unwrap(), |app| {
        app.service(upload);
    });
    let mut connection = begun(&server, 6);
    drip(&mut connection, 1, 6);
    assert_eq!(connection.reply().unwrap().status, 201);
}
