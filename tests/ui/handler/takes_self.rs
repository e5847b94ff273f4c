use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

struct Orders;

impl Orders {
    #[idempotent]
    async fn create(&self) -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

fn main() {
    let _ = Orders.create();
}
