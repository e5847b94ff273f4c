//! Calls to the server, or to a cluster. They find their way again by themselves when the server is
//! back.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
    aio::ConnectionLike,
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::time::timeout;

use super::{
    connection::{CONNECT_TIMEOUT, CurrentConnection, RESPONSE_TIMEOUT, Server, SharedConnection},
    failure::{Failure, Sent},
    primary::{SingleServer, ToPrimary},
    reply::{is_from_a_replica, is_useless},
    slot::slot,
};

// One server:
//
//   in use ─ closed ──────────────────────────▶ replaced; the call is sent once more
//          ─ READONLY: it is a replica now ───▶ replaced; its name may lead to the new primary, and
//                                               sentinels know that one
//          ─ no reply in two seconds ─────────▶ replaced; a host that vanished closes nothing
//
// A cluster, whose client connects to nodes anew by itself:
//
//   in use ─ no reply to any call in two seconds ─▶ replaced; the client may wait for ever
//
// Where no other connection can be opened, the next call that fails seeks again.
/// One server, or a cluster.
pub(super) enum RedisClient {
    Single(Arc<SharedConnection<SingleServer>>),
    Cluster(Arc<SharedConnection<Cluster>>),
}

impl RedisClient {
    /// Connects to one server, from the present runtime.
    pub(super) async fn single(server: SingleServer) -> RedisResult<Self> {
        SharedConnection::to(server).await.map(RedisClient::Single)
    }

    /// Connects to a cluster, from the present runtime.
    pub(super) async fn cluster(cluster: Cluster) -> RedisResult<Self> {
        SharedConnection::to(cluster).await.map(RedisClient::Cluster)
    }

    /// Sends a command. A reply that nobody waits for any more is thrown away. It is not taken for
    /// the reply to the next command.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        match self {
            RedisClient::Single(single) => send(single, command).await,
            RedisClient::Cluster(cluster) => send_to_cluster(cluster, command, None).await,
        }
    }

    /// Sends a command that only reads this key. The command goes to the key's primary, even where
    /// the application's client would ask a replica.
    pub(super) async fn read(&self, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
        match self {
            RedisClient::Single(single) => send(single, command).await,
            RedisClient::Cluster(cluster) => send_to_cluster(cluster, command, Some(slot(key))).await,
        }
    }

    /// Sends a command that names no key, to the primary that has this slot.
    pub(super) async fn send_to(&self, slot: u16, command: &Cmd) -> Result<Value, Failure> {
        match self {
            RedisClient::Single(single) => send(single, command).await,
            RedisClient::Cluster(cluster) => send_to_cluster(cluster, command, Some(slot)).await,
        }
    }
}

/// Sends a command. A connection that was lost while nobody used it shows that at the next call,
/// which is then sent once more. The call's token lets it be repeated, even if it was carried out.
async fn send(single: &Arc<SharedConnection<SingleServer>>, command: &Cmd) -> Result<Value, Failure> {
    let used = single.used();
    let number = used.number;
    match send_on(single, used, command).await {
        Err(error) if error.is_connection_dropped() => {
            single.replaced(number).await.map_err(Failure::Unknown)?;
            let again = send_on(single, single.used(), command).await;
            again.map_err(|error| Failure::of(error, Sent::Again))
        }
        reply => reply.map_err(|error| Failure::of(error, Sent::Once)),
    }
}

/// The same for commands that go together. Each has a reply of its own, an error or not.
pub(super) async fn send_all(
    single: &Arc<SharedConnection<SingleServer>>,
    commands: Pipeline,
) -> Result<(Vec<Value>, Sent), Failure> {
    let used = single.used();
    let number = used.number;
    match send_all_on(single, used, &commands).await {
        Err(error) if error.is_connection_dropped() => {
            single.replaced(number).await.map_err(Failure::Unknown)?;
            let again = send_all_on(single, single.used(), &commands).await;
            again.map(|replies| (replies, Sent::Again)).map_err(|error| Failure::of(error, Sent::Again))
        }
        Err(error) => Err(Failure::of(error, Sent::Once)),
        Ok(replies) => Ok((replies, Sent::Once)),
    }
}

async fn send_all_on(
    single: &Arc<SharedConnection<SingleServer>>,
    mut used: CurrentConnection<ToPrimary>,
    commands: &Pipeline,
) -> RedisResult<Vec<Value>> {
    let replies = used.connection.send_all(commands).await;
    let leads_nowhere = match &replies {
        Ok(replies) => replies.iter().any(is_from_a_replica),
        Err(error) => is_useless(error),
    };
    if leads_nowhere {
        single.leave(used.number).await;
    }
    replies
}

async fn send_on(
    single: &Arc<SharedConnection<SingleServer>>,
    mut used: CurrentConnection<ToPrimary>,
    command: &Cmd,
) -> RedisResult<Value> {
    let reply = used.connection.send(command).await.and_then(Value::extract_error);
    if reply.as_ref().is_err_and(is_useless) {
        single.leave(used.number).await;
    }
    reply
}

/// A cluster, whose client or whose connection the application may have given.
pub(super) enum Cluster {
    By(Box<ClusterClient>),
    Given(ClusterConnection),
}

/// A connection to a cluster, and how many calls have been answered on it.
#[derive(Clone)]
pub(super) struct ToCluster {
    connection: ClusterConnection,
    answered: Arc<AtomicU64>,
}

impl Server for Cluster {
    type Connection = ToCluster;

    async fn open(&self) -> RedisResult<ToCluster> {
        let config = ClusterConfig::new()
            .set_connection_timeout(CONNECT_TIMEOUT)
            .set_response_timeout(RESPONSE_TIMEOUT);
        let connection = match self {
            Cluster::By(client) => client.get_async_connection_with_config(config).await?,
            Cluster::Given(connection) => connection.clone(),
        };
        Ok(ToCluster { connection, answered: Arc::default() })
    }
}

/// Sends a command to a cluster. The client may send it again by itself, and does not tell.
async fn send_to_cluster(
    cluster: &Arc<SharedConnection<Cluster>>,
    command: &Cmd,
    slot: Option<u16>,
) -> Result<Value, Failure> {
    let CurrentConnection { connection: ToCluster { mut connection, answered }, number } = cluster.used();
    let before = answered.load(Relaxed);
    // The client has a time limit of its own, which the application may have set.
    let sent = async {
        let reply = send_by_client(&mut connection, command, slot).await;
        match reply.as_ref().err().and_then(moving_to) {
            Some(node) => send_to_node(&mut connection, command, node).await,
            None => reply,
        }
    };
    let reply = timeout(RESPONSE_TIMEOUT, sent).await;
    let reply = reply.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
    if !reply.as_ref().is_err_and(RedisError::is_timeout) {
        answered.fetch_add(1, Relaxed);
    } else if answered.load(Relaxed) == before {
        cluster.leave(number).await;
    }
    reply.and_then(Value::extract_error).map_err(|error| Failure::of(error, Sent::OnceOrMore))
}

async fn send_by_client(
    connection: &mut ClusterConnection,
    command: &Cmd,
    slot: Option<u16>,
) -> RedisResult<Value> {
    let Some(slot) = slot else { return connection.req_packed_command(command).await };
    let primary = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
    connection.route_command(command.clone(), RoutingInfo::SingleNode(primary)).await
}

/// The node that a key's slot is on its way to, by an answer that sends the client there.
fn moving_to(error: &RedisError) -> Option<SingleNodeRoutingInfo> {
    if error.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}

/// Asks the node that a slot is on its way to. The client has tried, and has come too late each
/// time: `ASKING` is for the next command on a connection, and many calls share one. Both in one
/// pipeline follow each other.
async fn send_to_node(
    connection: &mut ClusterConnection,
    command: &Cmd,
    node: SingleNodeRoutingInfo,
) -> RedisResult<Value> {
    let mut both = Pipeline::with_capacity(2);
    both.cmd("ASKING").add_command(command.clone());
    let mut replies = connection.route_pipeline(both, 0, 2, node).await?;
    replies.pop().ok_or_else(|| (ErrorKind::Parse, "a pipeline has brought no reply").into())
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RedisClient::Single(_) => "RedisClient::Single",
            RedisClient::Cluster(_) => "RedisClient::Cluster",
        })
    }
}
