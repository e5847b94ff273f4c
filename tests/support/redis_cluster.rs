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
