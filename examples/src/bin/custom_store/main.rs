//! A store of one's own for the keys, in `map_store.rs`, and the test that says that it is one.

mod map_store;

use std::error::Error;

use actix_web::{App, HttpResponse, HttpServer, Responder, post, web};
use idempotent_examples::{listen, url};
use idempotent_runtime::{Idempotency, SystemClock, idempotent};
use serde_json::Value;

use map_store::MapStore;

#[post("/payments")]
#[idempotent]
async fn create_payment(payment: web::Json<Value>) -> impl Responder {
    println!("… a payment");
    HttpResponse::Created().json(payment)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    let idempotency = Idempotency::builder().store(MapStore::new(SystemClock)).build()?;
    let app = move || App::new().app_data(idempotency.clone()).service(create_payment);
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# Twice: one payment, and its response replayed.
curl -i {url}/payments -H 'Idempotency-Key: 1' --json '{{"cents":100}}'
curl -i {url}/payments -H 'Idempotency-Key: 1' --json '{{"cents":100}}'
"#
    )
}
