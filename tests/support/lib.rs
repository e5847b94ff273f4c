//! Support that the tests share: a real server on a free port, raw HTTP/1.1 over a socket, and the
//! parts of a response.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what only tests use may fail as a test does"
)]

pub mod alone;
pub mod client;
pub mod fresh;
pub mod granted;
pub mod http;
pub mod lent;
pub mod pgbouncer;
pub mod pooled;
pub mod postgres;
pub mod postgres_server;
pub mod program;
pub mod proxy;
pub mod redis;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod requests;
pub mod said;
pub mod scratch;
mod script;
pub mod scripted;
pub mod server;
pub mod space;
pub mod stalls;
pub mod stores;
pub mod subscribers;

pub use alone::alone;
pub use client::{Http1, Http2, Http2Exchange};
pub use fresh::fresh;
pub use http::{Connection, Reply, post};
pub use said::said;
pub use scratch::Scratch;
pub use server::TestServer;
