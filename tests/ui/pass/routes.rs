#![deny(warnings, unreachable_pub)]
#![forbid(unsafe_code)]

use actix_web::{App, HttpResponse, Responder, get, patch, post, route, routes, web};
use idempotent_runtime::idempotent;

#[post("/1")]
#[idempotent]
async fn below_post() -> impl Responder {
    HttpResponse::Created()
}

#[idempotent]
#[post("/2")]
async fn above_post() -> impl Responder {
    HttpResponse::Created()
}

#[routes]
#[post("/3")]
#[get("/3")]
#[idempotent]
async fn below_routes() -> impl Responder {
    HttpResponse::Created()
}

#[idempotent]
#[routes]
#[get("/4")]
#[put("/4")]
async fn above_routes() -> impl Responder {
    HttpResponse::Created()
}

#[routes]
#[get("/5")]
#[idempotent]
#[delete("/5")]
async fn between_routes() -> impl Responder {
    HttpResponse::Created()
}

#[route("/6", method = "GET", method = "POST")]
#[idempotent]
async fn below_route() -> impl Responder {
    HttpResponse::Created()
}

#[idempotent]
#[actix_web::patch("/7")]
async fn by_path() -> impl Responder {
    HttpResponse::Created()
}

#[patch("/8")] #[idempotent] async fn on_one_line() -> impl Responder { HttpResponse::Created() }

#[get("/9")]
async fn not_ours() -> impl Responder {
    HttpResponse::Ok()
}

#[idempotent]
async fn without_route() -> impl Responder {
    HttpResponse::Created()
}

struct Orders;

impl Orders {
    #[idempotent]
    async fn associated() -> impl Responder {
        HttpResponse::Created()
    }
}

fn main() {
    let _ = App::new()
        .service(below_post)
        .service(above_post)
        .service(below_routes)
        .service(above_routes)
        .service(between_routes)
        .service(below_route)
        .service(by_path)
        .service(on_one_line)
        .service(not_ours)
        .route("/10", web::post().to(without_route))
        .route("/11", web::post().to(Orders::associated));
}
