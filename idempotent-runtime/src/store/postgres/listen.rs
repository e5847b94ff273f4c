//! Wakes the waiters for a change that another node makes.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::{connections::Connections, names::Names};
use crate::store::remote::{Notifier, Subscription};

/// Time that listening may take to begin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Notifications of changes, from node to node.
pub(super) struct Notifications {
    pub(super) connections: Arc<Connections>,
    pub(super) names: Names,
}

impl Subscription for Notifications {
    type Open = PgListener;

    async fn open(&mut self) -> Result<PgListener, String> {
        match timeout(CONNECT_TIMEOUT, listener(&self.connections, &self.names.channel)).await {
            Ok(listener) => listener.map_err(|error| error.to_string()),
            Err(_) => Err("listening took too long".to_owned()),
        }
    }

    async fn hear(mut listener: PgListener, notifier: &Notifier) {
        while let Ok(Some(notification)) = listener.try_recv().await {
            if let Ok(address) = notification.payload().parse() {
                notifier.notify(address);
            }
        }
    }
}

/// A connection of its own that listens: none of the application's pool's.
async fn listener(connections: &Connections, channel: &str) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(connections.options())).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}
