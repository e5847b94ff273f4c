use actix_web::{HttpResponse, web};
use idempotent_runtime::idempotent;

#[idempotent]
async unsafe fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {
    let _ = web::post().to(create);
}
