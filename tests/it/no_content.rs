//! Statuses whose responses have no content, from handlers that give them some.

use std::convert::Infallible;

use actix_web::{
    HttpResponse, Responder,
    body::{BodyStream, SizedStream},
    http::StatusCode,
    web::{self, Bytes, ServiceConfig},
};
use futures_util::stream;
use idempotent_runtime::idempotent;
use idempotent_tests::{fresh, post};

use crate::fixture::{Effects, serve};

/// Answers with the status and the kind of body that its path says.
#[idempotent]
async fn stray(path: web::Path<(u16, String)>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let (status, kind) = path.into_inner();
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    let chunk = stream::iter([Ok::<_, Infallible>(Bytes::from("stray"))]);
    match kind.as_str() {
        "bytes" => response.body("stray"),
        "sized" => response.body(SizedStream::new(5, chunk)),
        "chunked" => response.body(BodyStream::new(chunk)),
        "events" => response.content_type("text/event-stream").body(BodyStream::new(chunk)),
        _ => response.body("stray".repeat(1_000_000)),
    }
}

fn answers(app: &mut ServiceConfig) {
    app.route("/stray/{status}/{kind}", web::post().to(stray));
}

#[test]
fn a_status_without_content_sends_none_to_the_first_client_and_to_every_retry() {
    for status in [204, 205, 304] {
        for kind in ["bytes", "sized", "chunked", "events", "huge"] {
            let server = serve(&fresh().build().unwrap(), answers);
            let path = format!("/stray/{status}/{kind}");
            let mut connection = server.connect();
            for end in ["Connection: keep-alive", "Connection: keep-alive", "Connection: close"] {
                connection.send(&post(&path, &["Idempotency-Key: k", end], b""));
            }
            let raw = String::from_utf8(connection.rest()).unwrap();
            let responses: Vec<_> = raw.split_terminator("\r\n\r\n").collect();
            let case = format!("{status} with {kind}: {raw}");
            assert_eq!(responses.len(), 3, "{case}");
            for (place, response) in responses.into_iter().enumerate() {
                assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{case}");
                assert!(!response.contains("idempotent-stored"), "{case}");
                assert_eq!(response.contains("idempotent-replayed: true"), place > 0, "{case}");
            }
            assert_eq!(server.effects(), 1, "{case}");
        }
    }
}
