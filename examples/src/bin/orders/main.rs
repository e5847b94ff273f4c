//! A shop whose endpoints are safe to retry: `cargo run -p idempotent-examples --bin orders`.
//!
//! `STORE` says where idempotency keys are kept: `memory` (the default), `sqlite:PATH`, `redis://…`
//! or `postgres://…`. `ORDER_TAKES_MS` is the time that an order takes, in milliseconds (none).
//! `ADMIN_TOKEN` mounts `/idempotency` for operators who send it, with a page at
//! `/idempotency/console`.
//!
//! The handlers below are ordinary actix handlers with one attribute more. The shop itself is in
//! `shop.rs`.

mod document;
mod operators;
mod prometheus;
mod shop;
mod store;

use std::{env, error::Error, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, get, post, web};
use idempotent_examples::{give_up, listen, millis, url};
use idempotent_runtime::{Idempotency, idempotent, serve};
use utoipa::OpenApi;

use document::{Unreadable, bad_json, bad_path};
use operators::Operators;
use prometheus::Prometheus;
use shop::{Invalid, NewOrder, NewSubscription, NewTransfer, Order, Shop, Subscription, Transfer};
use store::{fate_of_keys, with_store};

/// A key is one order: sent twice, it makes one.
#[utoipa::path(responses(
    (status = 201, description = "The order was made", body = Order, headers(("location" = String))),
    (status = 400, description = "The body is not an order", body = Unreadable),
    (status = 422, description = "The order cannot be filled", body = Invalid),
))]
#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint")]
async fn create_order(order: web::Json<NewOrder>, shop: web::Data<Shop>) -> Result<impl Responder, Invalid> {
    let order = shop.order(order.into_inner()).await?;
    let location = format!("/orders/{}", order.id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(order))
}

/// A key counts within one account: the same key on another account is another transfer.
#[utoipa::path(responses(
    (status = 201, description = "The money was moved", body = Transfer),
    (status = 400, description = "The body is not a transfer", body = Unreadable),
    (status = 422, description = "There can be no such transfer", body = Invalid),
))]
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
#[utoipa::path(responses(
    (status = 201, description = "The address is subscribed", body = Subscription),
    (status = 400, description = "The body is not a subscription", body = Unreadable),
    (status = 422, description = "This is no address", body = Invalid),
))]
#[post("/subscriptions")]
#[idempotent(required = false)]
async fn create_subscription(
    new: web::Json<NewSubscription>,
    shop: web::Data<Shop>,
) -> Result<impl Responder, Invalid> {
    Ok(HttpResponse::Created().json(shop.subscribe(new.into_inner())?))
}

/// All orders.
#[utoipa::path(responses((status = 200, description = "The orders", body = [Order])))]
#[get("/orders")]
async fn list_orders(shop: web::Data<Shop>) -> impl Responder {
    web::Json(shop.orders())
}

/// One order.
#[utoipa::path(responses(
    (status = 200, description = "The order", body = Order),
    (status = 404, description = "There is no such order", body = Unreadable),
))]
#[get("/orders/{id}")]
async fn find_order(id: web::Path<usize>, shop: web::Data<Shop>) -> impl Responder {
    match shop.find_order(*id) {
        Some(order) => HttpResponse::Ok().json(order),
        None => HttpResponse::NotFound().json(Unreadable::no_order()),
    }
}

/// For Prometheus: how requests ended, what runs, what the store takes.
#[utoipa::path(responses((status = 200, description = "The metrics", body = String)))]
#[get("/metrics")]
async fn metrics(prometheus: web::Data<Prometheus>, idempotency: web::Data<Idempotency>) -> impl Responder {
    prometheus.read(&idempotency)
}

/// Document that clients read at `/openapi.json`. The part on idempotency is taken from the
/// attributes above.
#[derive(OpenApi)]
#[openapi(paths(create_order, create_transfer, create_subscription, list_orders, find_order, metrics))]
struct Api;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = listen();
    let store = env::var("STORE").unwrap_or("memory".to_owned());
    let prometheus = Prometheus::install()?;
    let idempotency = match with_store(&store).await {
        Ok(builder) => builder.listener(prometheus.listener()).build()?,
        Err(error) => give_up(error),
    };
    let operators = Operators::from_environment();
    println!("{}", what_to_try(&url(&listener), &fate_of_keys(&store)));

    let document = document::of(Api::openapi(), &idempotency)?;
    let shop = web::Data::new(Shop::new(millis("ORDER_TAKES_MS")));
    let data = web::Data::new(idempotency.clone());
    let prometheus = web::Data::new(prometheus);
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(shop.clone())
            .app_data(prometheus.clone())
            .app_data(web::JsonConfig::default().error_handler(bad_json))
            .app_data(web::PathConfig::default().error_handler(bad_path))
            .service((create_order, create_transfer, create_subscription, list_orders, find_order, metrics))
            .configure(|app| document::serve(app, &document))
            .configure(|app| operators.iter().for_each(|operators| operators.mount(app)))
    };
    let server = HttpServer::new(app).listen(listener)?.disable_signals().run();
    // SIGTERM and Ctrl-C: no new keys, what runs is finished and recorded, then the end.
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

fn what_to_try(url: &str, fate_of_keys: &str) -> String {
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

# What Prometheus reads; examples/grafana-dashboard.json shows it.
curl {url}/metrics

# What clients read; with `--features swagger-ui` {url}/swagger-ui/ shows it.
curl {url}/openapi.json

# Started with ADMIN_TOKEN=operator: the operators' page, {url}/idempotency/console. What they see without it, and what has become of a key:
curl {url}/idempotency/counters -H 'Authorization: Bearer operator'
curl {url}/idempotency/inspect -H 'Authorization: Bearer operator' --json '{{"entry":{{"method":"POST","route":"/orders","key":"my-first-order"}}}}'

# A stuck order: start with STORE=sqlite:keys.db ORDER_TAKES_MS=20000 ADMIN_TOKEN=operator, send this, and `kill -9` the shop meanwhile.
# Start it again so: once the lease of the dead one has run out, a retry is told 409 outcome_unknown, the list shows it, and you end it, on the page or so:
curl -i {url}/orders -H 'Idempotency-Key: stuck' --json '{{"items":[{{"sku":"tea","quantity":1}}]}}'
curl {url}/idempotency/stuck -H 'Authorization: Bearer operator'
curl {url}/idempotency/resolve -H 'Authorization: Bearer operator' --json '{{"entry":{{"method":"POST","route":"/orders","key":"stuck"}},"outcome":"rerun"}}'

# Ctrl-C finishes what runs, and ends. {fate_of_keys}
"#
    )
}

#[cfg(test)]
mod tests {
    use idempotent_runtime::openapi::unprotected;

    use super::*;

    #[test]
    fn every_post_takes_a_key() {
        assert_eq!(unprotected(&Api::openapi()), []);
    }
}
