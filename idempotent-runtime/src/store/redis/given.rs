//! Connections of the application's own.

use std::{fmt, io, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use redis::{
    Cmd, Pipeline, RedisResult, Value,
    aio::{ConnectionManager, MultiplexedConnection},
    cluster_async::ClusterConnection,
};
use tokio::time::timeout;

use super::connection::RESPONSE_TIMEOUT;

/// A connection of the application's own, for
/// [`RedisStore::builder_with_connection`](crate::RedisStore::builder_with_connection).
///
/// Made from a `MultiplexedConnection`, a `ConnectionManager` or a `ClusterConnection` of the
/// `redis` crate, or by [`opened_by`](Self::opened_by), which also takes one from a pool.
#[derive(Clone)]
pub struct RedisConnection(pub(super) Given);

/// Kinds of such connections.
#[derive(Clone)]
pub(super) enum Given {
    Single(Lender),
    Cluster(ClusterConnection),
}

/// Source of connections to one server.
#[derive(Clone)]
pub(super) enum Lender {
    /// The same connection each time.
    Same(Lent),
    /// A new one each time, as the application gives it.
    Opens(Open),
}

type Open = Arc<dyn Fn() -> BoxFuture<'static, RedisResult<MultiplexedConnection>> + Send + Sync>;

/// A connection to one server.
#[derive(Clone)]
pub(super) enum Lent {
    Multiplexed(MultiplexedConnection),
    /// Connects anew by itself after it has failed a call.
    Manager(ConnectionManager),
}

impl RedisConnection {
    /// Connections that `open` gives: at the beginning, and whenever the last one is of no use any
    /// more. So a connection may be opened as the application likes, or be taken from a pool.
    /// `open` runs on the runtime that builds the store.
    pub fn opened_by<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = RedisResult<MultiplexedConnection>> + Send + 'static,
    {
        RedisConnection(Given::Single(Lender::Opens(Arc::new(move || open().boxed()))))
    }
}

impl From<MultiplexedConnection> for RedisConnection {
    /// The connection as it is. Once it is closed the store is unavailable for good.
    fn from(connection: MultiplexedConnection) -> Self {
        RedisConnection(Given::Single(Lender::Same(Lent::Multiplexed(connection))))
    }
}

impl From<ConnectionManager> for RedisConnection {
    /// The manager, which connects anew by itself.
    fn from(manager: ConnectionManager) -> Self {
        RedisConnection(Given::Single(Lender::Same(Lent::Manager(manager))))
    }
}

impl From<ClusterConnection> for RedisConnection {
    /// The connection to a cluster, which connects to nodes anew by itself.
    fn from(cluster: ClusterConnection) -> Self {
        RedisConnection(Given::Cluster(cluster))
    }
}

impl Lender {
    pub(super) async fn lend(&self) -> RedisResult<Lent> {
        match self {
            Lender::Same(lent) => Ok(lent.clone()),
            Lender::Opens(open) => open().await.map(Lent::Multiplexed),
        }
    }
}

// An application's connection has a time limit of the application's, or none.
impl Lent {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        in_time(async {
            match self {
                Lent::Multiplexed(connection) => connection.send_packed_command(command).await,
                Lent::Manager(manager) => manager.send_packed_command(command).await,
            }
        })
        .await
    }

    pub(super) async fn send_all(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let number = commands.len();
        in_time(async {
            match self {
                Lent::Multiplexed(connection) => connection.send_packed_commands(commands, 0, number).await,
                Lent::Manager(manager) => manager.send_packed_commands(commands, 0, number).await,
            }
        })
        .await
    }
}

async fn in_time<T>(sent: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let silent = || Err(io::Error::from(io::ErrorKind::TimedOut).into());
    timeout(RESPONSE_TIMEOUT, sent).await.unwrap_or_else(|_| silent())
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Given::Single(Lender::Same(Lent::Multiplexed(_))) => "RedisConnection::Multiplexed",
            Given::Single(Lender::Same(Lent::Manager(_))) => "RedisConnection::Manager",
            Given::Single(Lender::Opens(_)) => "RedisConnection::OpenedBy",
            Given::Cluster(_) => "RedisConnection::Cluster",
        })
    }
}
