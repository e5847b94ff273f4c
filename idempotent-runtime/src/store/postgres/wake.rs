//! Wakes the waiters for a change that another node makes.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::{link::Link, names::Names};
use crate::store::remote::{Bells, Channel};

const CONNECT: Duration = Duration::from_secs(2);

/// Notifications of changes, from node to node.
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
            if let Ok(address) = notification.payload().parse() {
                bells.ring(address);
            }
        }
    }
}

/// A connection of its own that listens: none of the application's pool's.
async fn listener(link: &Link, channel: &str) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(link.options())).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}
