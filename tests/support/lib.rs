//! What the tests share: a real server on a free port, raw HTTP/1.1 over a socket, and what a response says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what only tests use may fail as a test does"
)]

pub mod client;
pub mod http;
pub mod server;

pub use client::{Http1, Http2, Http2Exchange};
pub use http::{Connection, Reply, post};
pub use server::TestServer;
