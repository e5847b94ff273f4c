//! Wakes those who wait for a change that another node makes.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::{link::Link, names::Names};
use crate::{
    request::Address,
    store::remote::{Bells, Channel},
};

const CONNECT: Duration = Duration::from_secs(2);

/// What nodes notify each other of.
pub(super) struct Notifications {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
}

impl Channel for Notifications {
    type Open = PgListener;

    async fn open(&mut self) -> Result<PgListener, String> {
        match timeout(CONNECT, listener(&self.link, &self.names.channel)).await {
            Ok(listener) => listener.map_err(|error| error.to_string()),
            Err(_) => Err("listening took too long".to_owned()),
        }
    }

    async fn hear(mut listener: PgListener, bells: &Bells) {
        while let Ok(Some(notification)) = listener.try_recv().await {
            if let Some(address) = address(notification.payload()) {
                bells.ring(address);
            }
        }
    }
}

/// A connection of its own that listens: the application's pool lends none.
async fn listener(link: &Link, channel: &str) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(link.options())).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}

fn address(hex: &str) -> Option<Address> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(Address::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_hex_and_nothing_else_is() {
        let hex = "0f".repeat(32);
        assert_eq!(address(&hex), Some(Address::from_bytes([15; 32])));
        for other in ["", "0f", &"0g".repeat(32), &"é".repeat(32), &"+f".repeat(31)] {
            assert_eq!(address(other), None, "{other}");
        }
    }
}
