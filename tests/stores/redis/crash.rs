//! The server is killed under load.

use std::time::Duration;

use idempotent_tests::redis_server::RedisServer;

use super::node;
use crate::{
    load::{Acknowledged, Load, first_success},
    times::median,
};

/// What came of a server that was killed under load, time and again.
struct Killed {
    lost: (usize, usize),
    claims: usize,
    /// How long after the server accepted connections again the store answered, each time.
    returns: Vec<Duration>,
}

async fn killed(settings: &[&str], times: usize) -> Killed {
    let mut server = RedisServer::start(settings).await;
    let store = node(&server).await;
    let (mut acknowledged, mut returns) = (Acknowledged::default(), Vec::new());
    for round in 0..times {
        let load = Load::start(&store, 32);
        load.until_claimed(200 + 37 * round).await;
        server.kill();
        load.wins_nothing().await;
        server.restart().await;
        returns.push(first_success(&store).await);
        acknowledged.add(load.stop().await);
    }
    Killed { lost: acknowledged.lost(&store).await, claims: acknowledged.claims(), returns }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_under_load_loses_nothing_it_has_acknowledged() {
    let Killed { lost, claims, returns } = killed(&["appendonly yes", "appendfsync always"], 5).await;
    println!(
        "{claims} claims acknowledged, lost {lost:?}, first successes {returns:?} after the server's return"
    );
    assert_eq!(lost, (0, 0), "claims and responses");
    let median = median(returns);
    assert!(median < Duration::from_secs(1), "{median:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_without_an_append_only_file_loses_what_it_has_acknowledged() {
    let Killed { lost: (claims, responses), claims: number, .. } = killed(&["appendonly no"], 2).await;
    println!("{number} claims acknowledged, lost {claims} claims and {responses} responses");
    assert!(claims > 0 && responses > 0, "the test sees no loss: {claims} claims, {responses} responses");
}
