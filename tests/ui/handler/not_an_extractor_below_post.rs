use actix_web::{HttpResponse, post, web};
use idempotent_runtime::idempotent;

struct Order;

#[post("/orders/{id}")]
#[idempotent]
async fn create(id: web::Path<u32>, order: Order) -> HttpResponse {
    let _ = (id, order);
    HttpResponse::Created().finish()
}

fn main() {}
