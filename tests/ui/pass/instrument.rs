#![deny(warnings)]

use actix_web::{App, HttpResponse, post, web};
use idempotent_runtime::idempotent;
use tracing::instrument;

#[post("/1")]
#[idempotent]
#[instrument(skip(order), fields(order.len = order.len()))]
async fn below(order: String) -> HttpResponse {
    HttpResponse::Created().body(order)
}

#[post("/2")]
#[instrument(skip(order), fields(order.len = order.len()))]
#[idempotent]
async fn above(order: String) -> HttpResponse {
    HttpResponse::Created().body(order)
}

#[cfg_attr(all(), instrument(skip(order)), allow(unused_mut))]
#[idempotent]
async fn conditional(mut order: String) -> HttpResponse {
    HttpResponse::Created().body(order)
}

#[idempotent]
#[cfg_attr(all(), post("/3"), instrument(skip_all, fields(order.len = order.len())))]
async fn conditional_below(order: String) -> HttpResponse {
    HttpResponse::Created().body(order)
}

fn main() {
    let _ = App::new().service(below).service(above).service(conditional_below);
    let _ = web::post().to(conditional);
}
