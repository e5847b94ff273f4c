//! A shop whose endpoints are safe to retry: `cargo run -p idempotent-examples --bin orders`.
//!
//! The handlers below are ordinary actix handlers with one attribute more. The shop itself is in `shop.rs`.

mod shop;

use std::{error::Error, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, Responder,
    error::{InternalError, JsonPayloadError},
    get, post, web,
};
use idempotent_examples::{listen, url};
use idempotent_runtime::{Idempotency, idempotent, serve};
use serde_json::json;

use shop::{Invalid, NewOrder, NewSubscription, NewTransfer, Shop};

/// A key is one order: sent twice, it makes one.
#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint")]
async fn create_order(order: web::Json<NewOrder>, shop: web::Data<Shop>) -> Result<impl Responder, Invalid> {
    let order = shop.order(order.into_inner())?;
    let location = format!("/orders/{}", order.id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(order))
}

/// A key counts within one account: the same key on another account is another transfer.
#[post("/accounts/{id}/transfers")]
#[idempotent(ttl = "24h", scope = "resource")]
async fn create_transfer(
    account: web::Path<String>,
    transfer: web::Json<NewTransfer>,
    shop: web::Data<Shop>,
) -> Result<impl Responder, Invalid> {
    let transfer = shop.transfer(account.into_inner(), transfer.into_inner())?;
    Ok(HttpResponse::Created().json(transfer))
}

/// The key is optional: nothing is lost if somebody subscribes twice.
#[post("/subscriptions")]
#[idempotent(required = false)]
async fn create_subscription(
    new: web::Json<NewSubscription>,
    shop: web::Data<Shop>,
) -> Result<impl Responder, Invalid> {
    Ok(HttpResponse::Created().json(shop.subscribe(new.into_inner())?))
}

#[get("/orders")]
async fn list_orders(shop: web::Data<Shop>) -> impl Responder {
    web::Json(shop.orders())
}

#[get("/orders/{id}")]
async fn find_order(id: web::Path<usize>, shop: web::Data<Shop>) -> impl Responder {
    match shop.find_order(*id) {
        Some(order) => HttpResponse::Ok().json(order),
        None => HttpResponse::NotFound().json(json!({ "error": "there is no such order" })),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));

    let idempotency = Idempotency::builder().build()?;
    let shop = web::Data::new(Shop::default());
    let data = idempotency.clone();
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(shop.clone())
            .app_data(web::JsonConfig::default().error_handler(bad_json))
            .service((create_order, create_transfer, create_subscription, list_orders, find_order))
    };
    let server = HttpServer::new(app).listen(listener)?.disable_signals().run();
    // SIGTERM and Ctrl-C: no new keys, what runs is finished and recorded, then the end.
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

/// Errors of the JSON extractor, as JSON. The handler has not begun, so the key stays free for the corrected request.
fn bad_json(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let body = json!({ "error": "not what this endpoint reads", "detail": error.to_string() });
    let response = HttpResponse::build(actix_web::ResponseError::status_code(&error)).json(body);
    InternalError::from_response(error, response).into()
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# An order. Run the line again: the same order comes back, marked `idempotent-replayed: true`.
curl -i {url}/orders -H 'Idempotency-Key: my-first-order' --json '{{"items":[{{"sku":"tea","quantity":2}}]}}'

# There is one order.
curl {url}/orders

# The key with another body: 409 key_reused. No key: 400 key_missing.
curl -i {url}/orders -H 'Idempotency-Key: my-first-order' --json '{{"items":[{{"sku":"mug","quantity":1}}]}}'
curl -i {url}/orders --json '{{"items":[{{"sku":"mug","quantity":1}}]}}'

# An unknown sku: 422. That is an outcome too: corrected, the order is another request and takes a new key.
curl -i {url}/orders -H 'Idempotency-Key: my-second-order' --json '{{"items":[{{"sku":"car","quantity":1}}]}}'

# One key on two accounts: two transfers.
curl -i {url}/accounts/alice/transfers -H 'Idempotency-Key: rent' --json '{{"to":"carol","amount_cents":50000}}'
curl -i {url}/accounts/bob/transfers -H 'Idempotency-Key: rent' --json '{{"to":"carol","amount_cents":50000}}'

# A key is optional here.
curl -i {url}/subscriptions --json '{{"email":"alice@example.org"}}'

# Ctrl-C finishes what runs, and ends. The keys are in this process's memory and end with it.
"#
    )
}
