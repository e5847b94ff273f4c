//! The conformance suite on stores that conform and on stores that do not, and the bytes that
//! stores keep.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod clocks;
mod dropped;
mod golden;
mod load;
mod local;
mod log;
mod memory;
mod mistake;
mod postgres;
mod redis;
mod refusals;
mod sequences;
mod silent;
mod spaces;
mod sqlite;
mod stalls;
mod times;
mod waiters;
mod wrong;
mod wrong_store;
