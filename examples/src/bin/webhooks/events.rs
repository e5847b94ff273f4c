//! The endpoints of the two services.

use std::sync::{Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, Responder, get, middleware::from_fn, post, web};
use idempotent_runtime::{Idempotency, IdempotencyBuilder, idempotent};
use serde_json::Value;

use crate::signature::{of_github, of_stripe};

/// Largest body that either service sends, in bytes: GitHub's may be so long. It is read before
/// anybody knows who has sent it, so take less where your events are smaller.
const LARGEST: usize = 25 << 20;

/// Events that have taken effect, in the memory of the process.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<String>>);

impl Events {
    fn happen(&self, event: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

/// A delivery of GitHub's: its id is in a header, and is the same when it is delivered again.
///
/// A 5xx says that nothing was done, so the next try runs again (`replay = "final"`).
#[post("/github", wrap = "from_fn(of_github)")]
#[idempotent(key = "header:X-GitHub-Delivery", ttl = "7d", replay = "final")]
async fn from_github(push: web::Json<Value>, events: web::Data<Events>) -> impl Responder {
    events.happen(format!("push of {}", push["after"]));
    HttpResponse::NoContent()
}

/// An event of Stripe's: its id is in the body, which is signed.
///
/// The id alone says which event it is: the rest may differ between two tries, as
/// `pending_webhooks` does.
#[post("/stripe", wrap = "from_fn(of_stripe)")]
#[idempotent(key = "json:/id", ttl = "31d", replay = "final", fingerprint = "by_id")]
async fn from_stripe(event: web::Json<Value>, events: web::Data<Events>) -> impl Responder {
    events.happen(format!("{} of {}", event["type"], event["data"]["object"]["id"]));
    HttpResponse::NoContent()
}

fn by_id(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

#[get("/events")]
async fn list(events: web::Data<Events>) -> impl Responder {
    web::Json(events.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Settings of the endpoints. A store is the caller's to add.
pub(crate) fn settings() -> IdempotencyBuilder {
    Idempotency::builder().max_request_body(LARGEST)
}

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.app_data(web::PayloadConfig::new(LARGEST)).app_data(web::JsonConfig::default().limit(LARGEST));
    app.service((from_github, from_stripe, list));
}
