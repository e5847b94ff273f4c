//! Handlers that answer as a request asks them to.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    http::StatusCode,
    post,
    web::{self, ServiceConfig},
};
use idempotent_runtime::idempotent;
use idempotent_tests::{Reply, fresh};

use crate::fixture::{Effects, Served, serve};

pub(super) fn values<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
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

pub(super) fn answering() -> Served {
    serve(&fresh().build().unwrap(), answers)
}

pub(super) fn answers(app: &mut ServiceConfig) {
    app.service(all).service(only_final).service(only_success);
}

pub(super) const KEY: &str = "Idempotency-Key: k";

/// The first response and that to a retry.
pub(super) fn twice(server: &Served, path: &str, body: &[u8]) -> (Reply, Reply) {
    (server.post(path, &[KEY], body), server.post(path, &[KEY], body))
}
