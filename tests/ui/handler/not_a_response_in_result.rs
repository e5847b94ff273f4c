use idempotent_runtime::idempotent;

struct Order;

#[idempotent]
async fn create() -> actix_web::Result<Order> {
    Ok(Order)
}

fn main() {}
