//! A principal, so that two customers who choose the same key do not meet.
//!
//! The principal is part of the address of a key's entry. Without one, the caller's credentials are
//! part of what is compared: nobody gets another caller's response, but the second customer's key
//! is `key_reused`, and so is a retry with a fresh token.

use std::error::Error;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, error, http::header, post, web};
use idempotent_examples::{listen, url};
use idempotent_runtime::{Idempotency, Principal, idempotent};
use serde_json::{Value, json};

#[post("/payments")]
#[idempotent]
async fn create_payment(
    payment: web::Json<Value>,
    request: HttpRequest,
) -> Result<impl Responder, actix_web::Error> {
    Ok(HttpResponse::Created().json(json!({ "payer": customer(&request)?, "payment": *payment })))
}

/// The customer a bearer token belongs to. Two tokens of one customer are one principal.
fn customer(request: &HttpRequest) -> Result<&'static str, actix_web::Error> {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match token {
        Some("Bearer alice-1" | "Bearer alice-2") => Ok("alice"),
        Some("Bearer bob-1") => Ok("bob"),
        _ => Err(error::ErrorUnauthorized("a token is required: alice-1, alice-2 or bob-1")),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    let idempotency =
        Idempotency::builder().principal(|request| customer(request).map(Principal::new)).build()?;
    let app = move || App::new().app_data(idempotency.clone()).service(create_payment);
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    let pay = format!("curl -i {url}/payments -H 'Idempotency-Key: 1' --json '{{\"cents\":100}}'");
    format!(
        "Listening on {url}

# Alice pays, and retries with another token of hers: one payment.
{pay} -H 'Authorization: Bearer alice-1'
{pay} -H 'Authorization: Bearer alice-2'

# Bob's key 1 is not Alice's: his own payment.
{pay} -H 'Authorization: Bearer bob-1'

# Nobody: 401, and nothing is claimed.
{pay}
"
    )
}
