use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

struct Order;

#[idempotent]
async fn create(order: Order) -> HttpResponse {
    let _ = order;
    HttpResponse::Created().finish()
}

fn main() {}
