//! A fingerprint of one's own, which decides when two requests are the same.
//!
//! This client stamps every attempt with the time it was sent, so bytes cannot be compared.
//! `fingerprint = "canonical"` is enough where only white space, member order or the spelling of
//! numbers differ.

use std::error::Error;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, post, web};
use idempotent_examples::{listen, url};
use idempotent_runtime::idempotent;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Payment {
    to: String,
    cents: u64,
    // Read from the request, left out of the fingerprint.
    #[serde(skip_serializing)]
    sent_at: Option<String>,
}

#[post("/payments")]
#[idempotent(fingerprint = "without_sent_at")]
async fn create_payment(payment: web::Json<Payment>) -> impl Responder {
    let sent_at = payment.sent_at.as_deref().unwrap_or("unknown").to_owned();
    HttpResponse::Created().insert_header(("X-Sent-At", sent_at)).json(payment)
}

/// Everything the handler acts on, and nothing else. What is not a payment is compared as it is.
fn without_sent_at(_: &HttpRequest, body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<Payment>(body)
        .and_then(|payment| serde_json::to_vec(&payment))
        .unwrap_or_else(|_| body.to_vec())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    HttpServer::new(|| App::new().service(create_payment)).listen(listener)?.run().await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    let pay = format!("curl -i {url}/payments -H 'Idempotency-Key: 1' --json");
    format!(
        r#"Listening on {url}

# Two attempts at one payment: the second is a replay, and still says 10:00.
{pay} '{{"to":"carol","cents":100,"sent_at":"10:00"}}'
{pay} '{{"to":"carol","cents":100,"sent_at":"10:01"}}'

# Another amount is another request: 409 key_reused.
{pay} '{{"to":"carol","cents":200,"sent_at":"10:02"}}'
"#
    )
}
