use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

trait Orders {
    #[idempotent]
    async fn create() -> HttpResponse;
}

fn main() {}
