//! A user's endpoint.

use std::sync::Mutex;

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::idempotent;

/// All orders.
#[derive(Debug, Default)]
pub struct Orders(pub Mutex<Vec<String>>);

/// Makes an order.
#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint")]
pub async fn create_order(order: String, orders: web::Data<Orders>) -> impl Responder {
    orders.0.lock().unwrap().push(order);
    HttpResponse::Created().body("made")
}
