//! Tests of your own endpoints. Feature `testing`.
//!
//! An endpoint is idempotent if its handler, its attribute, the application around it and its store
//! are right together, so they are tested together, over real HTTP. [`serve`] takes what
//! `HttpServer::new` takes, and serves it on four workers. One call then sends a request in all the
//! ways in which it may come:
//!
//! ```
//! use std::sync::Mutex;
//!
//! use actix_web::{App, HttpResponse, Responder, post, web};
//! use idempotent_runtime::{idempotent, testing::serve};
//! use serde_json::{Value, json};
//!
//! type Orders = web::Data<Mutex<Vec<Value>>>;
//!
//! #[post("/orders")]
//! #[idempotent(ttl = "24h", scope = "endpoint")]
//! async fn create_order(order: web::Json<Value>, orders: Orders) -> impl Responder {
//!     orders.lock().unwrap().push(order.clone());
//!     HttpResponse::Created().json(order)
//! }
//!
//! // #[actix_web::test] or #[tokio::test]
//! async fn an_order_sent_again_is_made_once() {
//!     let orders = Orders::default();
//!     let data = orders.clone();
//!     let server = serve(move || App::new().app_data(data.clone()).service(create_order));
//!     let request = server.post("/orders").json(&json!({ "sku": "tea" }));
//!     request.assert_once(async || orders.lock().unwrap().len()).await;
//! }
//! # actix_web::rt::System::new().block_on(an_order_sent_again_is_made_once());
//! ```
//!
//! # What is checked
//!
//! 1. Without a key it is refused with 400, and has no effect.
//! 2. Sixteen times at the same time, with one key: it has one effect, one client gets the response
//!    and the others a replay of it, or 409 `in_progress` where they do not want to wait.
//! 3. Once more with that key: a replay, and no effect. A replay has the status, the headers and
//!    the body of the first response.
//! 4. With that key and another body: refused with 409 or 422 (or [what your
//!    format](Request::reused_status) has instead), and no effect.
//! 5. With another key: another effect, and no replay.
//!
//! A [`Fault`] is one thing that is wrong. As text it says what was seen and where to look.
//!
//! # Time, and stores that fail
//!
//! Let a test move the time instead of sleeping: give the store a
//! [`ManualClock`](crate::ManualClock), [`send`](Request::send) a request with a key of the test's
//! own, move the clock by more than the `ttl`, and send it again. [`UnreliableStore`] is a store
//! that fails, delays, hangs or forgets on command.

mod check;
mod fault;
mod http;
mod request;
mod server;
mod unreliable;

pub use self::{
    fault::{Fault, Faults},
    http::Reply,
    request::Request,
    server::{Server, serve},
    unreliable::{Behaviour, UnreliableStore},
};
