//! Setting a store up.

use std::{sync::Arc, time::Duration};

use redis::{Client, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisResult, cluster::ClusterClient};

use super::{
    Calls, RedisShared, RedisStore,
    batch::{self, UnderWay},
    client::RedisClient,
    cluster, durability,
    failure::{NAME, unreachable},
    hints::Hints,
    keys::Names,
    pubsub::Notifications,
    replicas::{self, Replicas},
    rights,
    scripts::{Generation, Scripts},
};
use crate::{
    clock::{Clock, SystemClock},
    store::{
        SetupError,
        remote::{Wakeups, checked},
    },
};

/// The longest that replicas may take to acknowledge: a call is given up after two seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Settings of a [`RedisStore`].
#[derive(Clone, Debug)]
#[must_use = "settings make a store when they are built"]
pub struct RedisStoreBuilder {
    server: Server,
    prefix: String,
    replicas: Option<Replicas>,
    generation: Generation,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
enum Server {
    Url(String),
    Single(Client),
    Cluster(Box<ClusterClient>, Vec<Client>),
}

impl RedisStoreBuilder {
    pub(super) fn url(url: &str) -> Self {
        Self::of(Server::Url(url.to_owned()))
    }

    pub(super) fn client(client: Client) -> Self {
        Self::of(Server::Single(client))
    }

    pub(super) fn cluster(cluster: ClusterClient, node: Client) -> Self {
        Self::of(Server::Cluster(Box::new(cluster), vec![node]))
    }

    fn of(server: Server) -> Self {
        RedisStoreBuilder {
            server,
            prefix: "idempotent".to_owned(),
            replicas: None,
            generation: Generation::OfServer,
            clock: Arc::new(SystemClock),
        }
    }

    /// Beginning of the names of all keys, and of the channel for notifications; `idempotent` if
    /// not set.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Counts a claim as won, and a response as stored, only when `count` replicas have
    /// acknowledged it within `timeout` (at most one second). If they have not, the store is
    /// unavailable. The request is refused, and its claim taken back. A response goes to the first
    /// client once storing it has been tried for a while. Replays count only on the same condition.
    ///
    /// This makes it unlikely that a failover forgets a key, but not impossible: a replica that has
    /// acknowledged need not be the one that is promoted. Not for clusters.
    pub fn wait_replicas(mut self, count: u32, timeout: Duration) -> Self {
        self.replicas = Some(Replicas { count, timeout });
        self
    }

    /// Asks of the server only what servers before Redis 7 can do, for tests.
    #[doc(hidden)]
    pub fn before_redis_7(mut self) -> Self {
        self.generation = Generation::Before7;
        self
    }

    /// Counts by `clock`, beside the wall clock, for how long what this process has seen completed
    /// is still replayed. For tests that move the server's time.
    #[doc(hidden)]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The store. Its tasks run on the present runtime until the last clone is dropped. Its
    /// connection is driven there too, whichever runtimes call it. So build it where no handler
    /// runs that could block: before the server is started, and not in a worker.
    ///
    /// # Errors
    /// A setting that cannot work, rights that the user lacks, or a server that does not answer or
    /// refuses.
    pub async fn build(self) -> Result<RedisStore, SetupError> {
        let names = Names::new(checked("prefix", self.prefix)?);
        let server = self.server.resolved()?;
        let replicas = self.replicas.map(Replicas::checked).transpose()?;
        let (server, client) = server.connected(&names).await?;
        let client = Arc::new(client);
        rights::check(&client, &names, replicas, &server.user()).await?;
        durability::warn(&client).await;
        let scripts = Arc::new(Scripts::new(self.generation));
        let calls = match (replicas, &server, &*client) {
            (Some(wanted), Server::Single(client), _) => {
                Calls::Acknowledged(replicas::calls(client.clone(), Arc::clone(&scripts), wanted))
            }
            (Some(_), ..) => {
                return Err(SetupError::setting(NAME, "replicas cannot be waited for in a cluster"));
            }
            (None, _, RedisClient::Single(single)) => {
                Calls::Together(batch::calls(Arc::clone(single), Arc::clone(&scripts)), UnderWay::default())
            }
            (None, _, RedisClient::Cluster(_)) => Calls::Each,
        };
        let look = {
            let (client, names) = (Arc::clone(&client), names.clone());
            move |address| super::is_claimed(Arc::clone(&client), names.key(address))
        };
        let channel = Notifications::at(server.nodes(&client).await, names.channel());
        let wakeups = Wakeups::start(NAME, channel, look).await;
        let hints = if replicas.is_some() { Hints::none() } else { Hints::new(self.clock) };
        let inner = RedisShared { client, scripts, calls, names, hints, wakeups };
        Ok(RedisStore(Arc::new(inner)))
    }
}

impl Server {
    /// The server or cluster that the URLs name: one URL is one server, several are nodes of a
    /// cluster.
    fn resolved(self) -> Result<Self, SetupError> {
        let Server::Url(urls) = self else { return Ok(self) };
        let nodes = urls.split(',').map(|url| connection(url.trim())).collect::<Result<Vec<_>, _>>()?;
        let clients = nodes.into_iter().map(|node| Client::open(node).map_err(unreachable));
        let mut clients = clients.collect::<Result<Vec<_>, _>>()?;
        match clients.pop_if(|_| !urls.contains(',')) {
            Some(client) => Ok(Server::Single(client)),
            None => Server::of_nodes(clients).map_err(unreachable),
        }
    }

    fn of_nodes(nodes: Vec<Client>) -> RedisResult<Self> {
        let cluster = cluster::client(nodes.iter().map(|node| node.get_connection_info().clone()))?;
        Ok(Server::Cluster(Box::new(cluster), nodes))
    }

    /// The server and a connection to it: to its whole cluster, if it is a node of one.
    async fn connected(self, names: &Names) -> Result<(Self, RedisClient), SetupError> {
        let client = self.client().await?;
        if let Server::Single(node) = &self
            && cluster::is_node(&client, names).await
        {
            let cluster = Server::of_nodes(vec![node.clone()]).map_err(unreachable)?;
            let client = cluster.client().await?;
            return Ok((cluster, client));
        }
        Ok((self, client))
    }

    async fn client(&self) -> Result<RedisClient, SetupError> {
        match self {
            Server::Single(client) => RedisClient::single(client.clone()).await,
            Server::Cluster(client, _) => RedisClient::cluster((**client).clone()).await,
            Server::Url(_) => return Err(SetupError::setting(NAME, "its URL has not been read")),
        }
        .map_err(unreachable)
    }

    /// The user that connections are made as.
    fn user(&self) -> String {
        let client = match self {
            Server::Single(client) => Some(client),
            Server::Cluster(_, nodes) => nodes.first(),
            Server::Url(_) => None,
        };
        let user = client.and_then(|client| client.get_connection_info().redis_settings().username().map(str::to_owned));
        user.unwrap_or_else(|| "default".to_owned())
    }

    /// Nodes at which notifications can be heard.
    async fn nodes(&self, client: &RedisClient) -> Vec<Client> {
        match self {
            Server::Single(client) => vec![client.clone()],
            Server::Cluster(_, nodes) => cluster::nodes(client, nodes.clone()).await,
            Server::Url(_) => Vec::new(),
        }
    }
}

impl Replicas {
    fn checked(self) -> Result<Self, SetupError> {
        if self.count == 0 {
            return Err(SetupError::setting(NAME, "at least one replica has to be waited for"));
        }
        if self.timeout.is_zero() || self.timeout > LONGEST_WAIT {
            return Err(SetupError::setting(
                NAME,
                "replicas can be waited for for at most one second, and for longer than nothing",
            ));
        }
        Ok(self)
    }
}

/// Address and settings in `url`. The URL may hold a password, so no error repeats it.
fn connection(url: &str) -> Result<ConnectionInfo, SetupError> {
    url.into_connection_info().map_err(|error| match error.kind() {
        ErrorKind::InvalidClientConfig if url.starts_with("rediss:") => SetupError::setting(
            NAME,
            "TLS is a feature of the redis crate: add `redis = { version = \"1\", features = [\"tokio-rustls-comp\", \
             \"tls-rustls-webpki-roots\"] }` to the application's dependencies",
        ),
        _ => SetupError::setting(NAME, "its URL has to be of the form redis://user:password@host:port/database"),
    })
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL may hold a password.
        f.write_str(match self {
            Server::Url(_) => "Server::Url",
            Server::Single(_) => "Server::Single",
            Server::Cluster(..) => "Server::Cluster",
        })
    }
}
