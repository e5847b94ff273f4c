#![deny(warnings, unreachable_pub)]
#![forbid(unsafe_code)]

//! The names that the attribute needs for itself are the handler's to use.

use actix_web::{HttpResponse, web};
use idempotent_runtime::idempotent;

const POLICY: &str = "ours";

mod core {}
mod std {}

#[idempotent]
async fn run(request: String, payload: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(format!("{request} {} {POLICY}", payload.len()))
}

#[idempotent]
async fn recursive(depth: web::Path<u32>) -> HttpResponse {
    let depth = depth.into_inner();
    if depth > 0 {
        Box::pin(recursive(web::Path::from(depth - 1))).await
    } else {
        HttpResponse::Ok().finish()
    }
}

#[idempotent]
async fn request() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent]
async fn payload() -> HttpResponse {
    HttpResponse::Created().finish()
}

macro_rules! handlers {
    ($($name:ident: $ttl:literal),*) => {
        $(
            #[actix_web::post("/")]
            #[idempotent(ttl = $ttl)]
            async fn $name() -> HttpResponse {
                HttpResponse::Created().body(stringify!($name))
            }
        )*
    };
}

handlers!(one: "24h", two: "48h");

fn main() {
    let _ = web::post().to(run);
    let _ = web::post().to(recursive);
    let _ = web::post().to(request);
    let _ = web::post().to(payload);
    let _ = actix_web::App::new().service(one).service(two);
}
