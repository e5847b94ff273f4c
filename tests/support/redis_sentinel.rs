//! A primary with a replica, and sentinels that watch them, all of a test's own.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::redis_server::RedisServer;

/// The name by which the sentinels know the primary.
pub const NAME: &str = "mymaster";

/// Number of sentinels; two of them decide.
const SENTINELS: usize = 3;

/// Servers that take each other's place.
#[derive(Debug)]
pub struct Watched {
    /// The primary at the beginning.
    pub primary: RedisServer,
    /// Its replica.
    pub replica: RedisServer,
    /// The sentinels that watch both.
    pub sentinels: Vec<RedisServer>,
}

impl Watched {
    /// A primary that has a replica, watched by sentinels that know of it and of each other.
    pub async fn start() -> Self {
        Self::start_with(&[], &[]).await
    }

    /// The same, with these settings of the servers and of the sentinels.
    pub async fn start_with(servers: &[&str], sentinels: &[&str]) -> Self {
        let primary = RedisServer::start(&[&["repl-diskless-sync-delay 0"], servers].concat()).await;
        let follows = format!("replicaof 127.0.0.1 {}", primary.port());
        let replica =
            RedisServer::start(&[&["repl-diskless-sync-delay 0", &follows], servers].concat()).await;
        let mut watched = Watched { primary, replica, sentinels: Vec::new() };
        for _ in 0..SENTINELS {
            let sentinel = watched.sentinel_of(watched.primary.port(), sentinels).await;
            watched.sentinels.push(sentinel);
        }
        watched.until_all_are_known().await;
        watched
    }

    /// One more sentinel, which takes the server at this port for the primary.
    pub async fn sentinel_of(&self, port: u16, settings: &[&str]) -> RedisServer {
        let own = [
            &format!("sentinel monitor {NAME} 127.0.0.1 {port} 2"),
            &format!("sentinel down-after-milliseconds {NAME} 500"),
            &format!("sentinel failover-timeout {NAME} 5000"),
        ];
        let own: Vec<&str> = own.into_iter().map(String::as_str).collect();
        RedisServer::start_sentinel(&[&own, settings].concat()).await
    }

    /// URLs of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }

    async fn until_all_are_known(&self) {
        for sentinel in &self.sentinels {
            let others = ["num-slaves".to_owned(), "1".to_owned()];
            self.until_told(sentinel, &others).await;
            self.until_told(sentinel, &["num-other-sentinels".to_owned(), (SENTINELS - 1).to_string()]).await;
        }
    }

    /// Waits until the sentinels call the replica the primary.
    pub async fn until_promoted(&self) {
        for sentinel in &self.sentinels {
            self.until_told(sentinel, &["port".to_owned(), self.replica.port().to_string()]).await;
        }
    }

    /// Waits until a sentinel says this of the primary.
    async fn until_told(&self, sentinel: &RedisServer, pair: &[String]) {
        let began = Instant::now();
        loop {
            let told: Vec<String> = sentinel.ask(&format!("SENTINEL MASTER {NAME}")).await;
            if told.chunks(2).any(|told| told == pair) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{pair:?}: {told:?} {}", sentinel.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// From now on the replica gets nothing more of what the primary acknowledges.
    pub async fn cut_replication(&self) {
        self.primary.ask::<()>("ACL SETUSER default -psync -sync -replconf").await;
        self.primary.ask::<u64>("CLIENT KILL TYPE replica").await;
    }
}
