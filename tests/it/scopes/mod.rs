//! A whole scope below a middleware: what is covered, what is not, and what is told of.

mod answers;
mod arguments;
mod patterns;
mod told_apart;
mod twenty;

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{
    HttpResponse, Responder,
    http::StatusCode,
    web::{self, ServiceConfig},
};
use idempotent_runtime::IdempotentBuilder;
use idempotent_tests::fresh;

use crate::fixture::{Effects, Served, serve};

pub(super) const KEY: &str = "Idempotency-Key: k";

pub(super) async fn create(effects: Effects) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", effects.fetch_add(1, SeqCst) + 1))
}

/// Serves `routes` below `/v1`, covered by a middleware with these arguments.
pub(super) fn covered(builder: IdempotentBuilder, routes: fn(&mut ServiceConfig)) -> Served {
    let idempotent = builder.build().unwrap();
    serve(&fresh().build().unwrap(), move |app| {
        app.service(web::scope("/v1").wrap(idempotent.clone()).configure(routes));
    })
}

pub(super) async fn status(status: web::Path<u16>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::build(StatusCode::from_u16(*status).unwrap()).body("what it says")
}

async fn json(body: web::Json<serde_json::Value>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().json(body)
}

pub(super) fn answers(app: &mut ServiceConfig) {
    app.route("/status/{status}", web::post().to(status))
        .route("/json", web::post().to(json))
        .service(web::resource("/read").route(web::get().to(create)));
}
