//! What the tests share: a real server on a free port, raw HTTP/1.1 over a socket, and what a response says.

pub mod http;
pub mod server;

pub use http::{Connection, Reply, post};
pub use server::TestServer;
