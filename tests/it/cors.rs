//! Browsers on another origin, with the middleware of actix-cors.

use std::sync::atomic::Ordering::SeqCst;

use actix_cors::Cors;
use actix_web::{HttpResponse, Responder, http::header, web};
use idempotent_runtime::{Idempotency, idempotent};
use idempotent_tests::Reply;

use crate::fixture::{Effects, Served, serve};

#[idempotent]
async fn order(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

const ORIGIN: &str = "https://shop.example";

fn start() -> Served {
    serve(&Idempotency::builder().build().unwrap(), |app| {
        let cors = Cors::default()
            .allowed_origin(ORIGIN)
            .allowed_methods(["POST"])
            .allowed_headers([header::CONTENT_TYPE, header::HeaderName::from_static("idempotency-key")])
            .expose_headers(["Idempotent-Replayed", "Idempotency-Stored", "Retry-After"]);
        app.service(web::scope("/api").wrap(cors).route("/orders", web::post().to(order)));
    })
}

fn is_for_the_origin(reply: &Reply) -> bool {
    let exposed = reply.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    reply.header("access-control-allow-origin") == Some(ORIGIN) && exposed.contains("idempotent-replayed")
}

#[test]
fn a_browser_may_send_the_key_and_read_what_replays_and_refusals_say() {
    let server = start();
    let preflight = server.send(
        format!(
            "OPTIONS /api/orders HTTP/1.1\r\nHost: test\r\nOrigin: {ORIGIN}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: idempotency-key\r\n\r\n"
        )
        .as_bytes(),
    );
    let allowed = preflight.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
    assert!(preflight.status == 200 && allowed.contains("idempotency-key"), "{preflight:?}");

    let origin = format!("Origin: {ORIGIN}");
    let send = |key, body| server.post("/api/orders", &[&origin, key], body);
    let made = send("Idempotency-Key: 1", b"tea");
    let replay = send("Idempotency-Key: 1", b"tea");
    let reused = send("Idempotency-Key: 1", b"coffee");
    assert_eq!((made.status, replay.status, reused.status), (201, 201, 409));
    assert!(replay.is_replay() && [&made, &replay, &reused].into_iter().all(is_for_the_origin));
    assert_eq!(server.effects(), 1);
}

#[test]
fn a_replay_is_for_the_origin_that_asks_for_it() {
    let server = start();
    assert_eq!(server.post("/api/orders", &["Idempotency-Key: 1"], b"tea").status, 201);
    let origin = format!("Origin: {ORIGIN}");
    let replay = server.post("/api/orders", &[&origin, "Idempotency-Key: 1"], b"tea");
    assert!(replay.is_replay() && is_for_the_origin(&replay), "{replay:?}");
}
