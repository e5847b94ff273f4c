//! The example programs do what they say, as processes of their own.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed assumption is a failed test"
)]

mod charge;
mod configured;
mod consumer;
mod gateway;
mod ledger;
mod nats;
mod orders;
mod payments;
mod recovered;
mod timer;
mod tokio_postgres;
mod webhooks;
