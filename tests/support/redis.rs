//! Redis: the server that the tests share, under a prefix of each test's own.

use std::time::Duration;

use idempotent_runtime::{Address, ManualClock, RedisConnection, RedisStore, RedisStoreBuilder};

use crate::{
    redis_cluster::RedisCluster,
    redis_server::{RedisServer, connection},
    space::Space,
    stores::redis_url,
};

/// Place in which a test keeps its keys.
#[derive(Debug)]
pub struct Keys {
    space: Space,
    url: String,
    /// Servers on which time has to be moved on.
    servers: Vec<String>,
    is_old: bool,
    /// The clock of this process. Time is moved on in it too.
    clock: ManualClock,
}

/// Lets every key that is named like this end earlier. One whose time is over is deleted.
const SHIFT: &str = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
    redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[2]) end";

impl Keys {
    /// Keys on the server that the tests share, deleted when this is dropped.
    pub fn shared() -> Self {
        Keys {
            space: Space::at(&redis_url()),
            url: redis_url(),
            servers: vec![redis_url()],
            is_old: false,
            clock: ManualClock::new(),
        }
    }

    /// The same, of which stores ask only what servers before Redis 7 can do.
    pub fn before_redis_7() -> Self {
        Keys { is_old: true, ..Self::shared() }
    }

    /// Keys in a cluster of the test's own, whose nodes `url` names.
    pub fn in_cluster(cluster: &RedisCluster, url: String) -> Self {
        let servers = cluster.nodes.iter().map(|node| node.url()).collect();
        Keys { space: Space::alone(), url, servers, is_old: false, clock: ManualClock::new() }
    }

    /// Keys on a server of the test's own, of the user whom `url` names.
    pub fn of_user(server: &RedisServer, url: String) -> Self {
        Keys {
            space: Space::alone(),
            url,
            servers: vec![server.url()],
            is_old: false,
            clock: ManualClock::new(),
        }
    }

    /// Start of the names of all keys, before a colon.
    pub fn prefix(&self) -> &str {
        self.space.name()
    }

    /// A store of its own that keeps its keys here.
    pub async fn store(&self) -> RedisStore {
        let builder = RedisStore::builder(&self.url);
        let builder = if self.is_old { builder.before_redis_7() } else { builder };
        self.built(builder).await
    }

    /// The same, on a connection that leads to where the keys are.
    pub async fn store_on(&self, connection: RedisConnection) -> RedisStore {
        self.built(RedisStore::builder_with_connection(connection)).await
    }

    async fn built(&self, builder: RedisStoreBuilder) -> RedisStore {
        builder.prefix(self.space.name()).clock(self.clock.clone()).build().await.unwrap()
    }

    /// Gives an entry a state that nobody knows.
    pub async fn damage(&self, address: Address) {
        let mut damaged = 0;
        for server in &self.servers {
            let mut connection = connection(server).await.unwrap();
            let mut set = redis::cmd("SETRANGE");
            set.arg(format!("{}:{address}", self.space.name())).arg(0).arg("X");
            // The other nodes of a cluster refuse.
            damaged += usize::from(set.exec_async(&mut connection).await.is_ok());
        }
        assert_eq!(damaged, 1, "one server has the entry");
    }

    /// Lets time pass for every entry.
    pub async fn shift(&self, time: Duration) {
        self.clock.advance(time);
        for server in &self.servers {
            let mut connection = connection(server).await.unwrap();
            let mut shift = redis::cmd("EVAL");
            shift.arg(SHIFT).arg(0).arg(format!("{}:*", self.space.name())).arg(time.as_millis().to_string());
            shift.exec_async(&mut connection).await.unwrap();
        }
    }
}
