#![deny(warnings)]

use actix_web::{HttpResponse, Responder, error, http::StatusCode, web};
use idempotent_runtime::idempotent;

#[idempotent]
async fn opaque() -> impl Responder {
    HttpResponse::Created()
}

#[idempotent]
async fn opaque_result() -> Result<impl Responder, actix_web::Error> {
    Ok(web::Json(1))
}

#[idempotent]
async fn own_error() -> Result<HttpResponse, error::JsonPayloadError> {
    let found = Err(error::JsonPayloadError::ContentType);
    found?;
    Ok(HttpResponse::Created().finish())
}

#[idempotent]
async fn actix_result() -> actix_web::Result<HttpResponse> {
    Err(error::ErrorConflict("sold out"))
}

#[idempotent]
async fn text() -> &'static str {
    "created"
}

#[idempotent]
async fn with_status() -> (web::Json<u32>, StatusCode) {
    (web::Json(1), StatusCode::CREATED)
}

#[idempotent]
async fn customized() -> impl Responder {
    web::Json(1).customize().with_status(StatusCode::CREATED)
}

#[idempotent]
async fn optional() -> Option<String> {
    None
}

fn main() {
    let _ = web::post().to(opaque);
    let _ = web::post().to(opaque_result);
    let _ = web::post().to(own_error);
    let _ = web::post().to(actix_result);
    let _ = web::post().to(text);
    let _ = web::post().to(with_status);
    let _ = web::post().to(customized);
    let _ = web::post().to(optional);
}
