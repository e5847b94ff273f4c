//! Steps that outlive their leases, and those that another node has taken over.

use std::{convert::Infallible, time::Duration};

use idempotent_runtime::{Abandoned, Idempotency, ManualClock, MemoryStore, Once};
use idempotent_tests::scripted::{Scripted, Verb};
use tokio::sync::oneshot;

use super::fixture::{Runs, settle};
use crate::gate::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_outlives_its_lease_keeps_its_key() {
    const LEASE: Duration = Duration::from_millis(300);
    let store = Scripted::new(MemoryStore::new());
    let node = || Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
    let (one, other, runs) = (node(), node(), Runs::default());
    let (end, ended) = oneshot::channel::<()>();
    let running = one.once("settle", "k").spawn(async move |_| ended.await.map(|()| 7));
    // Each renewal comes after a third of a lease at the earliest.
    store.called(Verb::Renew, 6).await;
    let waitless = other.once("settle", "k").abandoned(Abandoned::Rerun).wait(Duration::ZERO);
    let told = waitless.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
    assert!(matches!(told, Once::InProgress { .. }), "{told:?}");
    end.send(()).unwrap();
    assert_eq!(within(running).await.unwrap(), Once::Ran(7));
    assert_eq!(settle(&other, "k", &runs).await.unwrap(), Once::Replayed(7));
    assert_eq!(runs.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_key_was_taken_over_records_nothing_and_gets_the_winners_value() {
    const LEASE: Duration = Duration::from_secs(30);
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let node = || Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
    let (late, quick) = (node(), node());
    let ((begin, begun), (end, ended)) = (oneshot::channel(), oneshot::channel::<()>());
    let running = late.once("settle", "k").spawn(async move |_| {
        begin.send(()).unwrap();
        ended.await.map(|()| "late".to_owned())
    });
    within(begun).await.unwrap();
    // Nothing is renewed: its process seems to have died.
    clock.advance(LEASE);
    let value = |node: &Idempotency, value: &'static str| {
        let call = node.once("settle", "k").abandoned(Abandoned::Rerun);
        async move { call.run(async move |_| Ok::<_, Infallible>(value.to_owned())).await.unwrap() }
    };
    assert_eq!(value(&quick, "quick").await, Once::Ran("quick".to_owned()));
    end.send(()).unwrap();
    assert_eq!(within(running).await.unwrap(), Once::Replayed("quick".to_owned()));
    for node in [&late, &quick] {
        assert_eq!(value(node, "another").await, Once::Replayed("quick".to_owned()));
    }
}
