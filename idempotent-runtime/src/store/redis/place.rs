//! The place where keys are kept: as an application names it, and as servers that can be reached.

use redis::{Client, Cmd, RedisResult, Value, cluster::ClusterClient};

use super::{
    address::connection,
    client::{Cluster, RedisClient},
    cluster,
    failure::{NAME, unreachable},
    given::{Given, Lender, RedisConnection},
    keys::Names,
    primary::{Primary, SingleServer},
    sentinel::Sentinels,
};
use crate::store::SetupError;

/// The place, as an application names it.
#[derive(Clone)]
pub(super) enum Place {
    Url(String),
    /// URLs of sentinels, and the name of a primary.
    Sentinels(Vec<String>, String),
    Single(Client),
    Cluster(Box<ClusterClient>, Client),
    Connection(RedisConnection),
}

/// Servers that keep the keys.
pub(super) enum Servers {
    Single(Primary),
    /// A cluster, and nodes of it.
    Cluster(Box<ClusterClient>, Vec<Client>),
    /// The same by a client of the application's own, and one node.
    ClusterOf(Box<ClusterClient>, Client),
    /// The server, or the cluster, at the other end of the application's connections.
    Given(Given),
}

impl Place {
    /// The servers that are meant: one URL is one server, several are nodes of a cluster.
    pub(super) fn servers(self) -> Result<Servers, SetupError> {
        Ok(match self {
            Place::Url(urls) => return servers_at(&urls),
            Place::Sentinels(urls, primary) => {
                Servers::Single(Primary::Named(Sentinels::of(&urls, &primary)?))
            }
            Place::Single(client) => Servers::Single(Primary::At(client)),
            Place::Cluster(client, node) => Servers::ClusterOf(client, node),
            Place::Connection(connection) => Servers::Given(connection.0),
        })
    }
}

fn servers_at(urls: &str) -> Result<Servers, SetupError> {
    let clients = urls.split(',').map(|url| Client::open(connection(url.trim())?).map_err(unreachable));
    let mut clients = clients.collect::<Result<Vec<_>, _>>()?;
    match clients.pop_if(|_| !urls.contains(',')) {
        Some(client) => Ok(Servers::Single(Primary::At(client))),
        None => Servers::of_nodes(clients).map_err(unreachable),
    }
}

impl Servers {
    fn of_nodes(nodes: Vec<Client>) -> RedisResult<Self> {
        let cluster = cluster::client(nodes.iter().map(|node| node.get_connection_info().clone()))?;
        Ok(Servers::Cluster(Box::new(cluster), nodes))
    }

    /// The servers and a connection to them: to the whole cluster, if the one server is a node of
    /// one.
    pub(super) async fn connected(self, names: &Names) -> Result<(Self, RedisClient), SetupError> {
        let client = self.client().await?;
        match &self {
            Servers::Single(Primary::At(node)) if cluster::is_node(&client, names).await => {
                let cluster = Servers::of_nodes(vec![node.clone()]).map_err(unreachable)?;
                let client = cluster.client().await?;
                Ok((cluster, client))
            }
            Servers::Given(Given::Single(_)) if cluster::is_node(&client, names).await => {
                Err(SetupError::setting(
                    NAME,
                    "the connection leads to one node of a cluster: a `ClusterConnection` is needed",
                ))
            }
            _ => Ok((self, client)),
        }
    }

    async fn client(&self) -> Result<RedisClient, SetupError> {
        match self {
            Servers::Single(primary) => RedisClient::single(SingleServer::Known(primary.clone())).await,
            Servers::Cluster(client, _) | Servers::ClusterOf(client, _) => {
                RedisClient::cluster(Cluster::By(client.clone())).await
            }
            Servers::Given(Given::Single(lender)) => {
                RedisClient::single(SingleServer::Given(Lender::clone(lender))).await
            }
            Servers::Given(Given::Cluster(cluster)) => {
                RedisClient::cluster(Cluster::Given(cluster.clone())).await
            }
        }
        .map_err(unreachable)
    }

    /// The user that connections are made as.
    pub(super) async fn user(&self, client: &RedisClient) -> String {
        let of =
            |client: &Client| client.get_connection_info().redis_settings().username().map(str::to_owned);
        let user = match self {
            Servers::Single(primary) => primary.user().map(str::to_owned),
            Servers::Cluster(_, nodes) => nodes.first().and_then(of),
            Servers::ClusterOf(_, node) => of(node),
            Servers::Given(_) => who_am_i(client).await,
        };
        user.unwrap_or_else(|| "default".to_owned())
    }

    /// True where a plain command is always answered by the key's primary. A client or a connection
    /// of the application's own may ask a replica, or a cache of its own.
    pub(super) fn reads_from_primaries(&self) -> bool {
        matches!(self, Servers::Single(_) | Servers::Cluster(..))
    }

    /// Servers at which notifications can be heard, each of all nodes. None are known where the
    /// application has given a connection.
    pub(super) async fn heard_at(&self, client: &RedisClient) -> Vec<Primary> {
        match self {
            Servers::Single(primary) => vec![primary.clone()],
            Servers::Cluster(_, nodes) => all_nodes(client, nodes.clone()).await,
            Servers::ClusterOf(_, node) => all_nodes(client, vec![node.clone()]).await,
            Servers::Given(_) => Vec::new(),
        }
    }

    /// The server whose replicas can be waited for, on connections of the store's own.
    pub(super) fn waited_for(&self) -> Result<Primary, SetupError> {
        match self {
            Servers::Single(primary) => Ok(primary.clone()),
            Servers::Cluster(..) | Servers::ClusterOf(..) => {
                Err(SetupError::setting(NAME, "replicas cannot be waited for in a cluster"))
            }
            Servers::Given(_) => Err(SetupError::setting(
                NAME,
                "replicas cannot be waited for on a connection that others use: give a URL or a `Client`",
            )),
        }
    }
}

async fn all_nodes(client: &RedisClient, seeds: Vec<Client>) -> Vec<Primary> {
    cluster::nodes(client, seeds).await.into_iter().map(Primary::At).collect()
}

/// The user of a connection, where it may ask.
async fn who_am_i(client: &RedisClient) -> Option<String> {
    match client.send(Cmd::new().arg("ACL").arg("WHOAMI")).await {
        Ok(Value::BulkString(user)) => String::from_utf8(user).ok(),
        _ => None,
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL may hold a password.
        f.write_str(match self {
            Place::Url(_) => "Place::Url",
            Place::Sentinels(..) => "Place::Sentinels",
            Place::Single(_) => "Place::Single",
            Place::Cluster(..) => "Place::Cluster",
            Place::Connection(_) => "Place::Connection",
        })
    }
}
