use actix_web::post;
use idempotent_runtime::idempotent;

struct Order;

#[post("/orders")]
#[idempotent]
async fn create() -> Order {
    Order
}

fn main() {}
