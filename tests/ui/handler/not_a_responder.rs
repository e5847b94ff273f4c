use actix_web::Responder;
use idempotent_runtime::idempotent;

struct Order;

#[idempotent]
async fn create() -> impl Responder {
    Order
}

fn main() {}
