//! Warnings of keys that an operator may have to look at.

use idempotent_runtime::{AbandonedExecution, IdempotencyBuilder, Resolution};
use idempotent_tests::{Http1, TestServer};
use tracing::level_filters::LevelFilter;

use crate::{
    abandoned::{Cluster, dies_running},
    gate::{Gate, keyed},
    spans::collector::Collector,
};

/// A process whose log is looked at, at this level.
fn process(
    cluster: &Cluster,
    level: LevelFilter,
    set: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder,
) -> (TestServer, Collector) {
    let collector = Collector::looking_at(level);
    let idempotency = set(cluster.builder()).build().unwrap();
    (Gate::open().server_after(collector.installer(), &idempotency), collector)
}

/// Lines of the log at this level.
fn lines(collector: &Collector, level: &str) -> Vec<String> {
    let output = collector.output();
    output.lines().filter(|line| line.contains(level)).map(str::to_owned).collect()
}

async fn retried(server: &TestServer, request: &[u8], answer: (u16, &str)) {
    let retry = Http1::once(server.address(), request).await;
    assert_eq!((retry.status, retry.code().as_str()), answer, "{retry:?}");
}

const UNKNOWN: (u16, &str) = (409, "outcome_unknown");

#[tokio::test]
async fn an_outcome_that_is_unknown_is_warned_of_once_per_key() {
    let cluster = Cluster::new();
    let requests = ["secret-1", "secret-2"].map(|key| keyed("/impatient", key, ""));
    for request in &requests {
        dies_running(&cluster, request).await;
    }
    cluster.lease_runs_out();
    let (server, collector) = process(&cluster, LevelFilter::INFO, |builder| builder);
    for request in requests.iter().cycle().take(6) {
        retried(&server, request, UNKNOWN).await;
    }
    let warned = lines(&collector, "WARN");
    assert_eq!(warned.len(), 2, "{warned:?}");
    for line in &warned {
        assert!(line.contains("outcome_unknown") && line.contains("gate::impatient"), "{line}");
        assert!(line.contains("address=") && !line.contains("secret"), "{line}");
        // What it is of, and what mends it.
        assert!(
            line.contains("endpoint=\"POST /impatient\"") && line.contains("/idempotency/resolve"),
            "{line}"
        );
    }
    assert_ne!(warned[0], warned[1]);
}

#[tokio::test]
async fn a_takeover_is_warned_of_with_its_attempt() {
    let cluster = Cluster::new();
    let request = keyed("/rerun", "secret", "");
    dies_running(&cluster, &request).await;
    cluster.lease_runs_out();
    let (server, collector) = process(&cluster, LevelFilter::INFO, |builder| builder);
    for _ in 0..3 {
        retried(&server, &request, (201, "")).await;
    }
    let warned = lines(&collector, "WARN");
    assert_eq!(warned.len(), 1, "{warned:?}");
    let line = &warned[0];
    assert!(line.contains("has taken over") && line.contains("attempt=2"), "{line}");
    assert!(line.contains("endpoint=\"POST /rerun\""), "{line}");
    assert!(line.contains("gate::rerun") && line.contains("address=") && !line.contains("secret"), "{line}");
}

#[tokio::test]
async fn an_outcome_that_the_application_does_not_know_either_is_warned_of() {
    async fn nobody_knows(_: &AbandonedExecution) -> Resolution {
        Resolution::Refuse
    }
    let cluster = Cluster::new();
    let request = keyed("/impatient", "known-to-nobody", "");
    dies_running(&cluster, &request).await;
    cluster.lease_runs_out();
    let (server, collector) = process(&cluster, LevelFilter::INFO, |builder| builder.reconcile(nobody_knows));
    for _ in 0..3 {
        retried(&server, &request, UNKNOWN).await;
    }
    let warned = lines(&collector, "WARN");
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].contains("has taken over") && warned[1].contains("outcome_unknown"), "{warned:?}");
}

#[tokio::test]
async fn what_goes_well_is_not_warned_of() {
    let cluster = Cluster::new();
    let (server, collector) = process(&cluster, LevelFilter::INFO, |builder| builder);
    for _ in 0..2 {
        retried(&server, &keyed("/impatient", "k", ""), (201, "")).await;
    }
    retried(&server, &keyed("/impatient", "k", "another"), (409, "key_reused")).await;
    assert_eq!(lines(&collector, "WARN"), Vec::<String>::new());
}

#[tokio::test]
async fn at_debug_one_event_says_how_a_request_ended_with_no_settings_of_the_subscriber() {
    let cluster = Cluster::new();
    let collector = Collector::without_span_events(LevelFilter::DEBUG);
    let idempotency = cluster.builder().build().unwrap();
    let server = Gate::open().server_after(collector.installer(), &idempotency);
    let request = keyed("/impatient", "secret", "");
    retried(&server, &request, (201, "")).await;
    retried(&server, &request, (201, "")).await;
    retried(&server, &keyed("/impatient", "secret", "another"), (409, "key_reused")).await;
    retried(&server, &keyed("/impatient", "", ""), (400, "key_invalid")).await;
    let told: Vec<String> = lines(&collector, "a request has ended");
    assert_eq!(told.len(), 4, "{told:?}");
    let outcomes = ["executed", "replayed", "key_reused", "key_invalid"];
    for (line, outcome) in told.iter().zip(outcomes) {
        assert!(line.contains("DEBUG") && line.contains(&format!("outcome=\"{outcome}\"")), "{line}");
        assert_eq!(line.matches("outcome=").count(), 1, "{line}");
        for field in ["handler=", "method=", "route=", "took_seconds="] {
            assert_eq!(line.matches(field).count(), 1, "{field} in {line}");
        }
        assert!(!line.contains("secret"), "{line}");
    }
    assert!(told[0].contains("attempt=1") && told[0].contains("key="), "{}", told[0]);
    assert!(told[2].contains("code=\"key_reused\""), "{}", told[2]);
}

#[tokio::test]
async fn at_debug_a_request_s_life_is_told_in_about_five_lines() {
    let cluster = Cluster::new();
    let collector = Collector::without_span_events(LevelFilter::DEBUG);
    let idempotency = cluster.builder().build().unwrap();
    let server = Gate::open().server_after(collector.installer(), &idempotency);
    let request = keyed("/impatient", "secret", "");
    retried(&server, &request, (201, "")).await;
    let told = lines(&collector, "idempotent_runtime::request");
    let said = [
        "its entry is at this address",
        "it has won its claim",
        "this has come of it outcome=\"executed\"",
        "the store was given its record",
        "a request has ended",
    ];
    assert_eq!(told.len(), said.len(), "{told:?}");
    for (line, said) in told.iter().zip(said) {
        assert!(line.contains(said) && line.contains("key=") && !line.contains("secret"), "{line}");
    }
    assert!(told[0].contains("address="), "{}", told[0]);
    retried(&server, &request, (201, "")).await;
    assert_eq!(lines(&collector, "idempotent_runtime::request").len(), said.len() + 2, "a replay");
}
