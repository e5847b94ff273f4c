//! Wakes the waiters for a change that another node makes.

use std::{sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{connections::Connections, failure::timed_out, names::Names};
use crate::store::{
    Token,
    remote::{Notifier, Subscription},
};

/// Time that listening may take to begin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time in which a notification of the store's own is heard, if any are.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Notifications of changes, from node to node.
pub(super) struct Notifications {
    connections: Arc<Connections>,
    names: Names,
    hearing: Hearing,
}

// A pooler that nobody has recognised accepts a LISTEN, and lets no notification through. So the
// first subscription is tested by a notification of the store's own, on another connection:
//
//   Untested ─ it is heard ─▶ Works: subscriptions that are opened later are believed
//            ─ it is not heard in time ─▶ Deaf: nothing is listened to again, since a listener
//                                         stays on a session that somebody else may get
//            ─ it cannot be sent, or the connection is lost ─▶ Untested: tried again
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Untested,
    Works,
    Deaf,
}

impl Notifications {
    pub(super) fn new(connections: Arc<Connections>, names: Names) -> Self {
        Notifications { connections, names, hearing: Hearing::Untested }
    }

    /// A connection of its own that listens: none of the application's pool's.
    async fn listener(&self) -> Result<PgListener, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_lazy_with(self.connections.options());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(&self.names.channel).await?;
        Ok(listener)
    }

    /// Finds out whether `listener` hears what is notified.
    async fn test(&mut self, listener: &mut PgListener) -> Result<(), String> {
        let sent = Token::random().map_err(|error| error.to_string())?;
        let sent = format!("test {:032x}", u128::from_be_bytes(*sent.as_bytes()));
        self.notify(&sent).await.map_err(|error| error.to_string())?;
        match timeout(TEST_TIMEOUT, hears(listener, &sent)).await {
            Ok(true) => {
                self.hearing = Hearing::Works;
                Ok(())
            }
            Ok(false) => Err("the connection was lost".to_owned()),
            Err(_) => {
                self.hearing = Hearing::Deaf;
                // As far as that can be done: the session may be somebody else's by now.
                let _ = timeout(CONNECT_TIMEOUT, listener.unlisten_all()).await;
                let limit = TEST_TIMEOUT.as_secs();
                Err(format!(
                    "one of the store's own did not arrive within {limit} s; if there is a pooler in \
                     transaction mode, say so with `pool_mode`"
                ))
            }
        }
    }

    /// Sends a notification that is no address, on a connection for calls.
    async fn notify(&self, payload: &str) -> Result<(), sqlx::Error> {
        let text = format!("SELECT pg_notify('{}', '{payload}')", self.names.channel);
        let mut in_use = self.connections.take().await?;
        let sending = in_use.connection.session.execute(sqlx::raw_sql(AssertSqlSafe(text)));
        timeout(CONNECT_TIMEOUT, sending).await.unwrap_or_else(|_| Err(timed_out("a notification")))?;
        self.connections.put(in_use.connection);
        Ok(())
    }
}

/// Waits for the notification. False where the connection is lost before.
async fn hears(listener: &mut PgListener, sent: &str) -> bool {
    while let Ok(Some(notification)) = listener.try_recv().await {
        // Others are for waiters, who are all woken when the subscription is open.
        if notification.payload() == sent {
            return true;
        }
    }
    false
}

impl Subscription for Notifications {
    type Open = PgListener;

    async fn open(&mut self) -> Result<PgListener, String> {
        let mut listener = match timeout(CONNECT_TIMEOUT, self.listener()).await {
            Ok(listener) => listener.map_err(|error| error.to_string())?,
            Err(_) => return Err("listening took too long".to_owned()),
        };
        if self.hearing == Hearing::Untested {
            self.test(&mut listener).await?;
        }
        Ok(listener)
    }

    fn is_given_up(&self) -> bool {
        self.hearing == Hearing::Deaf
    }

    async fn hear(mut listener: PgListener, notifier: &Notifier) {
        while let Ok(Some(notification)) = listener.try_recv().await {
            if let Ok(address) = notification.payload().parse() {
                notifier.notify(address);
            }
        }
    }
}
