//! Refusals that come before the whole body has: the rest of it is not waited for, and the
//! connection is closed.

use std::{io::Read, time::Duration};

use actix_web::{HttpRequest, HttpResponse, Responder, error::ErrorUnauthorized, post};
use idempotent_runtime::{Idempotency, Principal, idempotent};
use idempotent_tests::{Connection, fresh};

use crate::fixture::{Effects, Served, serve};

/// Shorter than what is sent of a body that is too long.
const LIMIT: usize = 8;
const SILENCE: Duration = Duration::from_millis(200);

#[post("/uploads")]
#[idempotent]
async fn upload(_: actix_web::web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created()
}

#[post("/transfers")]
#[idempotent(transaction)]
async fn transfer(_: actix_web::web::Bytes) -> impl Responder {
    HttpResponse::Created()
}

fn known(request: &HttpRequest) -> Result<Principal, actix_web::Error> {
    match request.headers().contains_key("x-stranger") {
        true => Err(ErrorUnauthorized("who are you?")),
        false => Ok(Principal::anonymous()),
    }
}

fn server(idempotency: &Idempotency) -> Served {
    serve(idempotency, |app| {
        app.service((upload, transfer));
    })
}

/// Ways to begin a body: the header that announces it, and what is sent of it.
const BODIES: [(&str, &str); 2] =
    [("Transfer-Encoding: chunked", "9\r\ntoo much?\r\n"), ("Content-Length: 9", "begun")];

fn begin(server: &Served, path: &str, headers: &str, (announced, sent): (&str, &str)) -> Connection {
    let mut connection = server.connect();
    let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\n{announced}\r\n{headers}\r\n");
    connection.send(format!("{head}{sent}").as_bytes());
    connection
}

/// Asserts that the connection is answered so, and closed while its body has not ended.
#[track_caller]
fn is_refused_and_closed(mut connection: Connection, status: u16, case: &str) {
    let reply = connection.reply().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (status, Some("close")), "{case}: {reply:?}");
    // Sooner than an idle connection is closed.
    connection.stream().set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert_eq!(connection.stream().read(&mut [0; 8]).ok(), Some(0), "{case}: it is still open");
}

#[test]
fn a_refusal_before_the_whole_body_closes_the_connection() {
    let settings = fresh().max_request_body(LIMIT).body_timeout(SILENCE).principal(known);
    let server = server(&settings.build().unwrap());
    let key = "Idempotency-Key: k\r\n";
    let stranger = format!("{key}X-Stranger: yes\r\n");
    for body in BODIES {
        for (path, headers, status) in [
            ("/uploads", "", 400),
            ("/uploads", "Idempotency-Key: a,b\r\n", 400),
            ("/uploads", &*stranger, 401),
            ("/uploads", key, 413),
            ("/transfers", key, 500),
        ] {
            let case = format!("{path} {headers:?} {body:?}");
            is_refused_and_closed(begin(&server, path, headers, body), status, &case);
        }
    }
    let silent = ("Transfer-Encoding: chunked", "3\r\nfew\r\n");
    is_refused_and_closed(begin(&server, "/uploads", key, silent), 408, "silent");
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_refusal_after_the_whole_body_leaves_the_connection_open() {
    let server = server(&fresh().build().unwrap());
    let mut connection = server.connect();
    let first = "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";
    let others = ["Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n", "Content-Length: 3\r\n\r\ntwo"];
    for (body, status) in [(first, 201), (others[0], 409), (others[1], 409), (first, 201)] {
        let head = "POST /uploads HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\n";
        let reply = connection.exchange(format!("{head}{body}").as_bytes());
        assert_eq!((reply.status, reply.header("connection")), (status, None), "{reply:?}");
    }
    assert_eq!(server.effects(), 1);
}
