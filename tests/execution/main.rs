//! Execution of requests: once, whoever hangs up, waits, dies or fails meanwhile.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod abandoned;
mod admin;
mod answered;
mod blocked;
mod checkpoint;
mod context;
mod crowd;
mod defaults;
mod disconnect;
mod drain;
mod elsewhere;
mod factory;
mod flood;
mod flushed;
mod gate;
mod given_back;
mod lease_log;
mod listener;
mod middleware;
mod moved;
mod once;
mod panics;
mod recall;
mod reconcile;
mod recovery;
mod resolve;
mod scopes;
mod share;
mod spans;
mod store_failure;
mod tracing;
mod waiting;
mod warned;
