#![deny(warnings, unreachable_pub)]
#![forbid(unsafe_code)]

use actix_web::{App, HttpResponse, post, web};
use idempotent_runtime::idempotent;
use utoipa::{OpenApi, ToSchema};

#[derive(serde::Deserialize, ToSchema)]
struct Order {
    number: u32,
}

/// Creates an order.
#[utoipa::path(responses((status = 201, description = "created")))]
#[post("/above/{shop}")]
#[idempotent]
async fn above(shop: web::Path<String>, order: web::Json<Order>) -> HttpResponse {
    HttpResponse::Created().body(format!("{shop} {}", order.number))
}

/// Creates an order.
#[idempotent]
#[utoipa::path(request_body = Order, params(("shop" = String, Path)), responses((status = 201)))]
#[post("/below/{shop}")]
async fn below(shop: web::Path<String>, order: web::Json<Order>) -> HttpResponse {
    HttpResponse::Created().body(format!("{shop} {}", order.number))
}

#[derive(OpenApi)]
#[openapi(paths(above, below))]
struct Api;

fn main() {
    let _ = App::new().service(above).service(below);
    let api = Api::openapi();
    for (path, item) in api.paths.paths {
        let operation = item.post.unwrap();
        assert_eq!(operation.summary.as_deref(), Some("Creates an order."), "{path}");
        assert!(operation.request_body.is_some(), "{path}");
    }
}
