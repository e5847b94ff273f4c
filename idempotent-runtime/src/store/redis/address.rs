//! Addresses of servers, in URLs and in what servers tell of each other.

use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo};

use super::failure::NAME;
use crate::store::SetupError;

/// Address and settings in `url`. The URL may hold a password, so no error repeats it.
pub(super) fn connection(url: &str) -> Result<ConnectionInfo, SetupError> {
    url.into_connection_info().map_err(|error| match error.kind() {
        ErrorKind::InvalidClientConfig if url.starts_with("rediss:") || url.starts_with("valkeys:") => SetupError::setting(
            NAME,
            "TLS is a feature of the redis crate: add `redis = { version = \"1\", features = [\"tokio-rustls-comp\", \
             \"tls-rustls-webpki-roots\"] }` to the application's dependencies",
        ),
        _ => SetupError::setting(NAME, "its URL has to be of the form redis://user:password@host:port/database"),
    })
}

/// The address of another server, with the other settings that are needed to reach it.
pub(super) fn at(like: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    }
}
