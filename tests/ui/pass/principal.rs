#![deny(warnings)]

use actix_web::{Error, HttpRequest, HttpResponse, error::ErrorUnauthorized, web};
use idempotent_runtime::{Idempotency, Principal, idempotent};

async fn anybody() -> Result<Principal, Error> {
    Ok(Principal::anonymous())
}

async fn request(request: HttpRequest, path: web::Path<String>) -> Result<Principal, Error> {
    Ok(Principal::new([request.path(), path.as_str()].concat()))
}

async fn of<T: 'static>(tokens: web::Data<T>) -> Result<Principal, Error> {
    drop(tokens);
    Err(ErrorUnauthorized("who are you?"))
}

#[idempotent(principal = "anybody")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(principal = "crate::request", fingerprint = "canonical")]
async fn function() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(principal = "of::<T>")]
async fn generic<T: 'static>(tokens: web::Data<T>) -> HttpResponse {
    drop(tokens);
    HttpResponse::Created().finish()
}

/// The value that the closure captures stands for a pool of connections.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = web::post().to(create);
    let _ = web::post().to(function);
    let _ = web::post().to(generic::<String>);
    let pool = String::from("pool");
    Idempotency::builder().principal_from(anybody).build()?;
    Idempotency::builder().principal_from(of::<String>).build()?;
    Idempotency::builder()
        .principal_from(async move |request: HttpRequest| {
            let user: u64 = request.match_info().get("user").unwrap_or(&pool).parse().map_err(ErrorUnauthorized)?;
            std::future::ready(()).await;
            Ok(Principal::new(user.to_be_bytes()))
        })
        .build()?;
    Ok(())
}
