//! Bodies of every kind, both ways.

mod requests;
mod responses;

const KEY: &str = "Idempotency-Key: k";
