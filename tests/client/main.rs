//! The client crate, against servers that answer as they like, and networks that lose what they
//! carry.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod canned;
mod faults;
mod journal;
mod keys;
mod killed;
mod ledger;
mod redirects;
mod refused;
mod retries;
mod storm;
