//! Executions whose process died, or seemed to.

use std::time::Duration;

use idempotent_runtime::{Idempotency, IdempotencyBuilder, ManualClock, MemoryStore};
use idempotent_tests::{
    Http1, TestServer,
    scripted::{Scripted, Verb},
};

use crate::gate::{Gate, keyed, within};

const LEASE: Duration = Duration::from_secs(30);

/// Two processes on one store.
pub(crate) struct Cluster {
    clock: ManualClock,
    store: MemoryStore,
}

impl Cluster {
    pub(crate) fn new() -> Cluster {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        Cluster { clock, store }
    }

    /// Settings of another process.
    pub(crate) fn builder(&self) -> IdempotencyBuilder {
        Idempotency::builder().store(self.store.clone()).lease(LEASE)
    }

    /// Nobody has renewed for a lease.
    pub(crate) fn lease_runs_out(&self) {
        self.clock.advance(LEASE);
    }

    /// Another process, and what it does to the store.
    fn process(&self, gate: &Gate) -> (TestServer, Scripted) {
        let store = Scripted::new(self.store.clone());
        let idempotency = self.builder().store(store.clone()).build().unwrap();
        (gate.server(&idempotency), store)
    }
}

async fn running(server: &TestServer, gate: &Gate, request: &[u8]) -> Http1 {
    let connection = Http1::begin(server.address(), request).await;
    gate.began().await;
    connection
}

/// A process dies while it runs this request.
pub(crate) async fn dies_running(cluster: &Cluster, request: &[u8]) {
    let gate = Gate::shut();
    let (server, _) = cluster.process(&gate);
    let _connection = running(&server, &gate, request).await;
    drop(server);
    gate.ended().await;
}

#[tokio::test]
async fn before_the_lease_has_run_out_a_retry_is_in_progress() {
    let cluster = Cluster::new();
    let request = keyed("/impatient", "k", "");
    dies_running(&cluster, &request).await;
    let gate = Gate::open();
    let (server, _) = cluster.process(&gate);
    cluster.clock.advance(LEASE - Duration::from_millis(1));
    let retry = Http1::once(server.address(), &request).await;
    assert_eq!((retry.status, retry.code().as_str()), (409, "in_progress"));
    assert_eq!(gate.effects(), 0);
}

#[tokio::test]
async fn before_the_lease_has_run_out_a_retry_waits() {
    let cluster = Cluster::new();
    let request = keyed("/brief", "k", "");
    dies_running(&cluster, &request).await;
    let gate = Gate::open();
    let (server, store) = cluster.process(&gate);
    let retry = Http1::once(server.address(), &request).await;
    assert_eq!((retry.status, retry.code().as_str()), (409, "in_progress"));
    assert_eq!((store.calls(Verb::Claim), store.calls(Verb::Changed)), (1, 1));
    assert_eq!(gate.effects(), 0);
}

#[tokio::test]
async fn an_execution_that_died_is_outcome_unknown_for_good() {
    let cluster = Cluster::new();
    let request = keyed("/impatient", "k", "");
    dies_running(&cluster, &request).await;
    let gate = Gate::open();
    let (server, _) = cluster.process(&gate);
    cluster.clock.advance(LEASE);
    for _ in 0..3 {
        let retry = Http1::once(server.address(), &request).await;
        assert_eq!((retry.status, retry.code().as_str()), (409, "outcome_unknown"));
        assert_eq!(retry.json()["retryable"], false);
        assert_eq!(retry.header("retry-after"), None);
        cluster.clock.advance(LEASE);
    }
    let other = Http1::once(server.address(), &keyed("/impatient", "k", "another body")).await;
    assert_eq!(other.code(), "key_reused");
    assert_eq!(gate.effects(), 0);
}

#[tokio::test]
async fn under_rerun_an_execution_that_died_is_run_once_more() {
    let cluster = Cluster::new();
    let request = keyed("/rerun", "k", "");
    dies_running(&cluster, &request).await;
    let gate = Gate::open();
    let (server, _) = cluster.process(&gate);
    cluster.clock.advance(LEASE);
    let retry = Http1::once(server.address(), &request).await;
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (201, false, "effect 1"));
    let another = Http1::once(server.address(), &request).await;
    assert_eq!((another.status, another.is_replay(), another.text()), (201, true, "effect 1"));
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn many_retries_of_an_execution_that_died_run_it_once() {
    let cluster = Cluster::new();
    let request = keyed("/rerun", "k", "");
    dies_running(&cluster, &request).await;
    let gate = Gate::open();
    let servers = [cluster.process(&gate).0, cluster.process(&gate).0];
    cluster.clock.advance(LEASE);
    let retries = (0..64).map(|index| Http1::once(servers[index % 2].address(), &request));
    let replies = futures_util::future::join_all(retries).await;
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text() == "effect 1"), "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1);
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn who_lost_its_lease_answers_with_what_the_winner_stored() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (zombie, _) = cluster.process(&gates[0]);
    let (winner, _) = cluster.process(&gates[1]);
    let request = keyed("/rerun", "k", "");
    // The winner's numbers are other than the zombie's.
    Http1::once(winner.address(), &keyed("/rerun", "another", "")).await;
    let mut zombies = running(&zombie, &gates[0], &request).await;
    cluster.clock.advance(LEASE);
    let won = Http1::once(winner.address(), &request).await;
    assert_eq!((won.status, won.is_replay(), won.text()), (201, false, "effect 2"));
    gates[0].let_one_through();
    let lost = within(zombies.reply()).await.unwrap();
    assert_eq!((lost.status, lost.is_replay(), lost.text()), (201, true, "effect 2"));
    for server in [&zombie, &winner] {
        let retry = Http1::once(server.address(), &request).await;
        assert_eq!((retry.status, retry.is_replay(), retry.text()), (201, true, "effect 2"));
    }
}

#[tokio::test]
async fn who_lost_its_lease_to_one_still_running_answers_for_itself_and_stores_nothing() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::shut()]);
    let (zombie, _) = cluster.process(&gates[0]);
    let (winner, _) = cluster.process(&gates[1]);
    let (request, before) = (keyed("/rerun", "k", ""), keyed("/rerun", "another", ""));
    gates[1].let_one_through();
    let mut connection = running(&winner, &gates[1], &before).await;
    within(connection.reply()).await.unwrap();
    let mut zombies = running(&zombie, &gates[0], &request).await;
    cluster.clock.advance(LEASE);
    let mut winners = running(&winner, &gates[1], &request).await;
    gates[0].let_one_through();
    let lost = within(zombies.reply()).await.unwrap();
    assert_eq!((lost.status, lost.is_replay(), lost.text()), (201, false, "effect 1"));
    assert_eq!(lost.header("idempotency-stored"), Some("false"));
    gates[1].let_one_through();
    let won = within(winners.reply()).await.unwrap();
    assert_eq!((won.status, won.is_replay(), won.text()), (201, false, "effect 2"));
    assert_eq!(Http1::once(zombie.address(), &request).await.text(), "effect 2");
}

#[tokio::test]
async fn once_seen_abandoned_an_outcome_stays_unknown_even_if_it_comes() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (slow, _) = cluster.process(&gates[0]);
    let (another, _) = cluster.process(&gates[1]);
    let request = keyed("/patient", "k", "");
    let mut owners = running(&slow, &gates[0], &request).await;
    cluster.clock.advance(LEASE);
    assert_eq!(Http1::once(another.address(), &request).await.code(), "outcome_unknown");
    gates[0].let_one_through();
    let owner = within(owners.reply()).await.unwrap();
    assert_eq!((owner.status, owner.text()), (201, "effect 1"), "its client gets its true response");
    assert_eq!(owner.header("idempotency-stored"), Some("false"));
    for server in [&slow, &another] {
        assert_eq!(Http1::once(server.address(), &request).await.code(), "outcome_unknown");
    }
    assert_eq!((gates[0].effects(), gates[1].effects()), (1, 0));
}

#[tokio::test]
async fn until_seen_abandoned_its_owner_may_still_complete() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (slow, _) = cluster.process(&gates[0]);
    let (another, _) = cluster.process(&gates[1]);
    let request = keyed("/patient", "k", "");
    let mut owners = running(&slow, &gates[0], &request).await;
    cluster.clock.advance(LEASE * 2);
    gates[0].let_one_through();
    let owner = within(owners.reply()).await.unwrap();
    assert_eq!((owner.status, owner.header("idempotency-stored")), (201, None));
    let retry = Http1::once(another.address(), &request).await;
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (201, true, "effect 1"));
    assert_eq!(gates[1].effects(), 0);
}

#[tokio::test]
async fn a_duplicate_in_another_process_is_woken_by_the_completion() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (first, _) = cluster.process(&gates[0]);
    let (another, store) = cluster.process(&gates[1]);
    let request = keyed("/patient", "k", "");
    let mut firsts = running(&first, &gates[0], &request).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let connection = Http1::begin(another.address(), &request).await;
        waiting.push(connection);
    }
    store.called(Verb::Changed, 1).await;
    gates[0].let_one_through();
    assert_eq!(within(firsts.reply()).await.unwrap().status, 201);
    for mut connection in waiting {
        let reply = within(connection.reply()).await.unwrap();
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, "effect 1"));
    }
    assert_eq!(gates[1].effects(), 0);
    assert_eq!(store.calls(Verb::Changed), 1, "one of this process waits at the store");
}

#[tokio::test]
async fn a_duplicate_in_another_process_reads_twice() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (first, _) = cluster.process(&gates[0]);
    let (another, store) = cluster.process(&gates[1]);
    let request = keyed("/patient", "k", "");
    let mut firsts = running(&first, &gates[0], &request).await;
    let mut duplicate = Http1::begin(another.address(), &request).await;
    store.called(Verb::Changed, 1).await;
    gates[0].let_one_through();
    assert!(within(duplicate.reply()).await.unwrap().is_replay());
    assert_eq!(within(firsts.reply()).await.unwrap().status, 201);
    assert_eq!(store.calls(Verb::Claim), 2, "once to be told to wait, once when woken");
}

#[tokio::test]
async fn another_request_with_the_key_is_told_so_while_the_first_runs_in_another_process() {
    let (cluster, gates) = (Cluster::new(), [Gate::shut(), Gate::open()]);
    let (first, _) = cluster.process(&gates[0]);
    let (another, store) = cluster.process(&gates[1]);
    let request = keyed("/patient", "k", "");
    let mut firsts = running(&first, &gates[0], &request).await;
    let mut waiting = Http1::begin(another.address(), &request).await;
    store.called(Verb::Changed, 1).await;
    let other = within(Http1::once(another.address(), &keyed("/patient", "k", "other"))).await;
    assert_eq!((other.status, other.code().as_str()), (409, "key_reused"));
    gates[0].let_one_through();
    assert_eq!(within(firsts.reply()).await.unwrap().status, 201);
    assert!(within(waiting.reply()).await.unwrap().is_replay());
}
