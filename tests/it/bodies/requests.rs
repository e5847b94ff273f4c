//! Bodies of requests: the handler sees them byte for byte, however they arrive.

use actix_web::{
    HttpResponse, Responder,
    web::{self, Bytes},
};
use futures_util::StreamExt;
use idempotent_runtime::idempotent;
use idempotent_tests::{Reply, fresh, post};

use super::KEY;
use crate::fixture::{Served, assert_replayed, serve};

#[idempotent]
async fn bytes(body: Bytes) -> impl Responder {
    HttpResponse::Ok().body(body)
}

#[idempotent]
async fn payload(mut body: web::Payload) -> actix_web::Result<impl Responder> {
    let mut whole = web::BytesMut::new();
    while let Some(chunk) = body.next().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(HttpResponse::Ok().body(whole.freeze()))
}

#[idempotent]
async fn string(body: String) -> impl Responder {
    body
}

#[idempotent]
async fn json(body: web::Json<serde_json::Value>) -> impl Responder {
    body
}

#[idempotent]
async fn form(body: web::Form<Vec<(String, String)>>) -> impl Responder {
    HttpResponse::Ok().json(&*body)
}

#[idempotent]
async fn either(
    body: web::Either<web::Json<serde_json::Value>, web::Form<Vec<(String, String)>>>,
) -> impl Responder {
    match body {
        web::Either::Left(json) => HttpResponse::Ok().json(json),
        web::Either::Right(form) => HttpResponse::Ok().json(&*form),
    }
}

#[idempotent]
async fn nothing() -> impl Responder {
    "nothing"
}

fn requests() -> Served {
    serve(&fresh().build().unwrap(), |app| {
        app.app_data(web::PayloadConfig::new(1 << 20))
            .route("/bytes", web::post().to(bytes))
            .route("/payload", web::post().to(payload))
            .route("/string", web::post().to(string))
            .route("/json", web::post().to(json))
            .route("/form", web::post().to(form))
            .route("/either", web::post().to(either))
            .route("/nothing", web::post().to(nothing));
    })
}

fn chunked(path: &str, key: &str, content_type: &str, body: &[u8], size: usize) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nIdempotency-Key: {key}\r\nContent-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(size) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[test]
fn a_handler_sees_the_body_byte_for_byte() {
    let server = requests();
    let all: Vec<u8> = (0..=255).collect();
    let multipart =
        b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n\0\xff\r\n--B--\r\n";
    let text = "text/plain";
    let rows: [(&str, &str, &[u8], &[u8]); 11] = [
        ("/bytes", "application/octet-stream", &all, &all),
        ("/bytes", "multipart/form-data; boundary=B", multipart, multipart),
        ("/bytes", text, b"", b""),
        ("/payload", "application/octet-stream", &all, &all),
        ("/payload", "multipart/form-data; boundary=B", multipart, multipart),
        ("/payload", text, b"", b""),
        ("/string", text, "clé 🔑\r\n".as_bytes(), "clé 🔑\r\n".as_bytes()),
        ("/json", "application/json", b" {\"a\" : [1, 2.50]} ", b"{\"a\":[1,2.5]}"),
        (
            "/form",
            "application/x-www-form-urlencoded",
            b"a=1&b=%20+x&a=2",
            br#"[["a","1"],["b","  x"],["a","2"]]"#,
        ),
        ("/either", "application/x-www-form-urlencoded", b"a=1", br#"[["a","1"]]"#),
        ("/nothing", text, b"a body that nobody reads", b"nothing"),
    ];
    for (number, (path, content_type, body, seen)) in rows.into_iter().enumerate() {
        let by_length = server.post(
            path,
            &[&format!("Idempotency-Key: length-{number}"), &format!("Content-Type: {content_type}")],
            body,
        );
        assert_eq!((by_length.status, &*by_length.body), (200, seen), "{path} {content_type}");
        for size in [1, 7] {
            let request = chunked(path, &format!("chunks-{number}-{size}"), content_type, body, size);
            let replies = [(); 2].map(|()| server.send(&request));
            assert_eq!(
                (replies[0].status, &*replies[0].body),
                (200, seen),
                "{path} {content_type} by {size}"
            );
            assert_replayed(&replies[0], &replies[1]);
        }
    }
}

#[test]
fn the_way_in_which_a_body_arrives_does_not_matter() {
    let server = requests();
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let octets = "application/octet-stream";
    let first = server.post("/payload", &[KEY, &format!("Content-Type: {octets}")], &body);
    assert!(first.body == body);
    for size in [10, 1_000, 65_536, body.len()] {
        let again: Reply = server.send(&chunked("/payload", "k", octets, &body, size));
        assert!(again.is_replay() && again.body == body, "chunks of {size}: {}", again.status);
    }
    // Byte by byte in packets of its own, as far as the head and the first bytes go.
    let request = chunked("/payload", "slow", octets, &body[..50], 3);
    let mut connection = server.connect();
    for byte in &request {
        connection.send(&[*byte]);
    }
    assert!(connection.reply().is_some_and(|reply| reply.body == body[..50]));
}

#[test]
fn requests_sent_in_one_go_are_answered_in_order() {
    let server = requests();
    let requests: Vec<Vec<u8>> = (0..20)
        .map(|number| {
            // Every second one is a retry of the one before.
            let (key, body) = (format!("Idempotency-Key: {}", number / 2), format!("body {}", number / 2));
            post("/bytes", &[&key], body.as_bytes())
        })
        .collect();
    let mut connection = server.connect();
    connection.send(&requests.concat());
    for number in 0..20 {
        let reply = connection.reply().unwrap();
        assert_eq!((reply.text(), reply.is_replay()), (&*format!("body {}", number / 2), number % 2 == 1));
    }
}
