//! A handler that ends when it is told to, and how many of its requests have come so far.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use actix_web::{HttpRequest, HttpResponse, Responder, get, post, web};
use idempotent_runtime::{IdempotencyContext, idempotent};
use tokio::sync::watch;

use crate::Effects;

/// Holds the handlers of `/held` until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    arrived: AtomicUsize,
    is_open: watch::Sender<bool>,
}

#[post("/held")]
#[idempotent(ttl = "24h", scope = "global", wait = "1h", fingerprint = "crate::held::arrived")]
async fn held(
    context: IdempotencyContext,
    body: String,
    effects: web::Data<Effects>,
    gate: web::Data<Gate>,
) -> impl Responder {
    let response = effects.happen(&context, &body).await;
    let _ = gate.is_open.subscribe().wait_for(|is_open| *is_open).await;
    response
}

/// Counts a request whose whole body is there.
///
/// Between this and its flight, the request waits for nothing, and this process has one worker. So
/// a request for the count is answered after all that were counted have led their flight, or
/// followed it.
pub(crate) fn arrived(request: &HttpRequest, body: &[u8]) -> Vec<u8> {
    if let Some(gate) = request.app_data::<web::Data<Gate>>() {
        gate.arrived.fetch_add(1, SeqCst);
    }
    body.to_vec()
}

/// Number of requests that have arrived at `/held`.
#[get("/arrived")]
async fn count(gate: web::Data<Gate>) -> impl Responder {
    gate.arrived.load(SeqCst).to_string()
}

#[post("/open")]
async fn open(gate: web::Data<Gate>) -> impl Responder {
    gate.is_open.send_replace(true);
    HttpResponse::NoContent()
}

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.service((held, count, open));
}
