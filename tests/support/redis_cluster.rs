//! Several Redis servers of a test's own: a cluster, or a primary with replicas.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::redis_server::{RedisServer, free_port};

/// As many slots as every cluster has.
const SLOTS: u16 = 16_384;

/// A cluster of servers without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// A cluster of so many nodes, which share the slots.
    pub async fn start(nodes: u16) -> Self {
        let mut cluster = RedisCluster { nodes: Vec::new() };
        for number in 0..nodes {
            cluster.nodes.push(node().await);
            let (from, to) = (SLOTS / nodes * number, SLOTS / nodes * (number + 1));
            let to = if number + 1 == nodes { SLOTS } else { to };
            cluster.nodes[usize::from(number)]
                .ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {from} {}", to - 1))
                .await;
        }
        for node in &cluster.nodes[1..] {
            cluster.nodes[0].ask::<()>(&format!("CLUSTER MEET 127.0.0.1 {}", node.port())).await;
        }
        cluster.until_ready().await;
        cluster
    }

    /// The URLs of all nodes, parted by commas.
    pub fn urls(&self) -> String {
        self.nodes.iter().map(RedisServer::url).collect::<Vec<_>>().join(",")
    }

    /// The node that has a slot moves it to another one, as `redis-cli` does: both are told, the
    /// keys go, some at a time, and then all are told that it is there. `between` is done after
    /// every step.
    pub async fn move_slot<F: Future<Output = ()>>(
        &self,
        slot: u16,
        from: usize,
        to: usize,
        between: impl Fn() -> F,
    ) {
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let [source_id, target_id]: [String; 2] =
            [source.ask("CLUSTER MYID").await, target.ask("CLUSTER MYID").await];
        target.ask::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {source_id}")).await;
        between().await;
        source.ask::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {target_id}")).await;
        between().await;
        loop {
            let left: usize = source.ask(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).await;
            let some = left / 4 + 1;
            let keys: Vec<String> = source.ask(&format!("CLUSTER GETKEYSINSLOT {slot} {some}")).await;
            if keys.is_empty() {
                break;
            }
            // Two spaces: in the place of one key there is none.
            let migrate = format!("MIGRATE 127.0.0.1 {}  0 5000 KEYS {}", target.port(), keys.join(" "));
            source.ask::<()>(&migrate).await;
            between().await;
        }
        target.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {target_id}")).await;
        between().await;
        for node in self.nodes.iter().filter(|node| node.port() != target.port()) {
            node.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {target_id}")).await;
            between().await;
        }
    }

    /// Waits until every node knows of all others and of all slots.
    async fn until_ready(&self) {
        let began = Instant::now();
        for node in &self.nodes {
            loop {
                let info: String = node.ask("CLUSTER INFO").await;
                let knows_all = info.contains(&format!("cluster_known_nodes:{}", self.nodes.len()));
                if knows_all && info.contains("cluster_state:ok") {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{info}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// The slot of a key without braces: the checksum of its parts, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot(u16);

impl Slot {
    /// The slot where `part` comes next.
    pub fn and(self, part: &str) -> Self {
        let shifted = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        Slot(part.bytes().fold(self.0, |crc, byte| (0..8).fold(crc ^ u16::from(byte) << 8, shifted)))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0 % SLOTS
    }
}

/// A node on a port to which its bus's port, 10,000 higher, can be added.
async fn node() -> RedisServer {
    let port = loop {
        let port = free_port();
        if port < 50_000 {
            break port;
        }
    };
    RedisServer::start_on(port, &["cluster-enabled yes", "cluster-node-timeout 2000"]).await
}
