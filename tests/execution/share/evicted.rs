//! A caller beyond its share where the oldest entries make room.

use idempotent_runtime::WhenFull;
use idempotent_tests::Http1;

use super::fixture::{BUDGET, BYTES, SHARE, Service, is_refused};
use crate::gate::{keyed_by, within};

#[tokio::test]
async fn a_callers_own_oldest_make_room_and_nobody_elses() {
    let service = Service::start(|store| store.when_full(WhenFull::EvictOldest));
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    assert_eq!(two.report("first", BYTES).await.status, 201);
    for number in 0..100 {
        assert_eq!(one.report(&number.to_string(), BYTES).await.status, 201);
        assert!(service.store.used_bytes() <= SHARE + 2 * BYTES as u64, "{}", service.store.used_bytes());
    }
    assert_eq!(service.store.evicted(), 91);
    assert!(two.report("first", BYTES).await.is_replay());
    for number in 91..100 {
        assert!(one.report(&number.to_string(), BYTES).await.is_replay(), "{number}");
    }
    assert!(!one.report("90", BYTES).await.is_replay());
}

#[tokio::test]
async fn where_all_are_within_their_shares_the_oldest_of_all_make_room() {
    let service = Service::start(|store| store.when_full(WhenFull::EvictOldest));
    for name in ["one", "two", "three"] {
        let mut caller = service.caller(name).await;
        for number in 0..8 {
            assert_eq!(caller.report(&format!("{name}-{number}"), BYTES).await.status, 201);
        }
    }
    assert!(service.store.used_bytes() <= BUDGET);
    assert!(!service.caller("one").await.report("one-0", BYTES).await.is_replay());
    assert!(service.caller("three").await.report("three-0", BYTES).await.is_replay());
}

#[tokio::test]
async fn a_response_longer_than_a_callers_share_is_kept_until_the_next_one() {
    let service = Service::start(|store| store.when_full(WhenFull::EvictOldest).caller_share(1));
    let mut one = service.caller("one").await;
    for key in ["first", "second"] {
        assert_eq!(one.report(key, BYTES).await.status, 201);
        assert!(one.report(key, BYTES).await.is_replay(), "{key}");
    }
    assert_eq!(service.store.evicted(), 1);
}

#[tokio::test]
async fn what_it_takes_to_keep_account_of_those_who_run_counts_where_the_oldest_make_room() {
    let service = Service::start(|store| store.when_full(WhenFull::EvictOldest));
    let mut running = Vec::new();
    let refusal = loop {
        let name = running.len().to_string();
        let mut connection =
            Http1::begin(service.server.address(), &keyed_by(&name, "/gated", &name, "0")).await;
        tokio::select! {
            () = service.gate.began() => running.push(connection),
            refusal = connection.reply() => break refusal.unwrap(),
        }
    };
    is_refused(&refusal, 503, "store_full");
    assert!(service.store.used_bytes() <= BUDGET, "{}", service.store.used_bytes());
    assert!(running.len() > 100, "{}", running.len());
    // The gate lets through whoever has come first, and that need not be the first of these.
    running.iter().for_each(|_| service.gate.let_one_through());
    for mut connection in running {
        assert_eq!(within(connection.reply()).await.unwrap().status, 201);
    }
}
