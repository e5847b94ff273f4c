//! Makes actix-web endpoints safe to retry.
//!
//! Networks fail and clients retry. An endpoint that creates an order or charges a card must do so once, however often the
//! request arrives. One attribute makes it so:
//!
//! ```
//! use actix_web::{HttpResponse, Responder, post, web};
//! use idempotent_runtime::idempotent;
//!
//! #[post("/orders")]
//! #[idempotent(ttl = "24h", scope = "endpoint")]
//! async fn create_order(order: web::Json<serde_json::Value>) -> impl Responder {
//!     HttpResponse::Created().json(order)
//! }
//! # let _ = actix_web::App::new().service(create_order);
//! ```
//!
//! A client sends `Idempotency-Key: <anything unique>`; the first request with a key runs, and every other one gets its response,
//! marked `Idempotent-Replayed: true`. See [`idempotent`] for the arguments, [`Idempotency`] for an application's settings,
//! and [`Store`] for where keys are kept.

extern crate self as idempotent_runtime;

pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod execution;
mod flight;
#[doc(hidden)]
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod idempotency;
#[cfg(test)]
mod model;
mod policy;
mod poll_once;
#[doc(hidden)]
pub mod private;
mod request;
mod response;
mod run;
mod shards;
pub mod store;
mod sync;
mod watched;

pub use idempotent_macros::idempotent;

pub use crate::{
    clock::{Clock, ManualClock, SystemClock},
    idempotency::{BuildError, Drained, Idempotency, IdempotencyBuilder, OnStoreError, serve},
    request::{Address, KeyFormat, Principal, RequestFingerprint},
    response::{Code, ProblemFormat, Refusal},
    store::{MemoryStore, MemoryStoreBuilder, Store, StoreError, WhenFull},
};

#[doc(hidden)]
pub use crate::private as __private;
