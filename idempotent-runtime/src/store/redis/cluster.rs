//! Clusters: recognising one, tries of a call, and nodes at which notifications can be heard.

use futures_util::future::join_all;
use redis::{
    Client, Cmd, ConnectionInfo, RedisResult, Value, cluster::ClusterClient, from_redis_value,
    io::tcp::TcpSettings,
};

use super::{address::at, client::RedisClient, keys::Names, slot::items};
use crate::request::Address;

/// Number of times that a call is tried again, with pauses of 10 to 250 ms. By default the client
/// would go on for minutes, long after the caller has been told that the call failed.
const RETRIES: u32 = 6;

/// A client of the cluster that `nodes` belong to.
pub(super) fn client(nodes: impl IntoIterator<Item = ConnectionInfo>) -> RedisResult<ClusterClient> {
    ClusterClient::builder(nodes)
        .retries(RETRIES)
        .min_retry_wait(10)
        .max_retry_wait(250)
        .retry_wait_formula(20, 2)
        .tcp_settings(TcpSettings::default().set_nodelay(true))
        .build()
}

/// Number of keys that are asked for of a server that does not say whether it is a node of a
/// cluster. A node with half of the slots is mistaken for a server of its own once in so many
/// thousand times.
const PROBES: u8 = 16;

/// True where a server is a node of a cluster. It says so, or it sends a client that asks for a key
/// to another node.
pub(super) async fn is_node(server: &RedisClient, names: &Names) -> bool {
    let reply = server.send(Cmd::new().arg("INFO").arg("cluster")).await;
    if let Some(info) = reply.ok().and_then(|reply| from_redis_value::<String>(reply).ok()) {
        return info.contains("cluster_enabled:1");
    }
    let keys = (0..PROBES).map(|probe| names.key(Address::from_bytes([probe; 32])));
    let replies = keys.map(async |key| server.send(Cmd::new().arg("GETRANGE").arg(key).arg(0).arg(0)).await);
    let replies = join_all(replies).await;
    replies.iter().any(|reply| reply.as_ref().is_err_and(|failure| failure.error().is_cluster_error()))
}

/// Clients of all nodes that the cluster names, reached as `seeds` are. The `seeds` come first. A
/// message that is published at one node is heard at all of them, so any node will do.
pub(super) async fn nodes(cluster: &RedisClient, mut seeds: Vec<Client>) -> Vec<Client> {
    let reply = cluster.send(Cmd::new().arg("CLUSTER").arg("SLOTS")).await;
    let Some(like) = seeds.first().map(|seed| seed.get_connection_info().clone()) else { return seeds };
    for (host, port) in reply.map(|reply| addresses(&reply)).unwrap_or_default() {
        let addr = at(like.addr(), host, port);
        let known = seeds.iter().any(|seed| *seed.get_connection_info().addr() == addr);
        if !known && let Ok(client) = Client::open(like.clone().set_addr(addr)) {
            seeds.push(client);
        }
    }
    seeds
}

/// Host and port of each node in an answer to `CLUSTER SLOTS`: ranges of slots, each with its
/// first, its last and its nodes.
fn addresses(slots: &Value) -> Vec<(String, u16)> {
    let mut found = Vec::new();
    for node in items(slots).iter().flat_map(|range| items(range).iter().skip(2)) {
        if let [Value::BulkString(host), Value::Int(port), ..] = items(node)
            && let (Ok(host), Ok(port)) = (String::from_utf8(host.clone()), u16::try_from(*port))
            && !host.is_empty()
            && !found.contains(&(host.clone(), port))
        {
            found.push((host, port));
        }
    }
    found
}
