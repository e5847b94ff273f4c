//! Calls that are dropped half-way, steps that panic, and the attempts after them.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use futures_util::FutureExt;
use idempotent_runtime::{Abandoned, Idempotency, ManualClock, MemoryStore, Once};
use idempotent_tests::fresh;
use tokio::sync::{Mutex, oneshot};

use super::fixture::{Runs, settle};
use crate::gate::within;

const LEASE: Duration = Duration::from_secs(30);

struct Setup {
    clock: ManualClock,
    idempotency: Idempotency,
}

fn setup() -> Setup {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let idempotency = Idempotency::builder().store(store).lease(LEASE).build().unwrap();
    Setup { clock, idempotency }
}

impl Setup {
    /// Begins a step, and drops the call half-way.
    fn die(&self, abandoned: Abandoned) {
        let call = self.idempotency.once("settle", "k").abandoned(abandoned);
        let mut run = Box::pin(call.run(async |_| pending::<Result<u32, Infallible>>().await));
        assert!((&mut run).now_or_never().is_none());
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_is_left_to_its_lease_and_its_outcome_is_unknown() {
    let (it, runs) = (setup(), Runs::default());
    it.die(Abandoned::Refuse);
    let waitless = it.idempotency.once("settle", "k").wait(Duration::ZERO);
    let told = waitless.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
    assert!(matches!(told, Once::InProgress { .. }), "{told:?}");
    it.clock.advance(LEASE);
    assert_eq!(settle(&it.idempotency, "k", &runs).await.unwrap(), Once::OutcomeUnknown);
    assert_eq!(runs.count(), 0);
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_is_run_again_where_its_operation_says_so() {
    let it = setup();
    it.die(Abandoned::Rerun);
    it.clock.advance(LEASE);
    let call = it.idempotency.once("settle", "k").abandoned(Abandoned::Rerun);
    let ran = call.run(async |context| Ok::<_, Infallible>(context.attempt())).await.unwrap();
    assert_eq!(ran, Once::Ran(2));
}

#[tokio::test]
async fn a_spawned_step_runs_to_its_end_whoever_drops_it() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    let ((begin, began), (end, ended)) = (oneshot::channel(), oneshot::channel::<()>());
    let spawned = idempotency.once("settle", "k").spawn(async move |_| {
        begin.send(()).unwrap();
        ended.await.map(|()| 7)
    });
    within(began).await.unwrap();
    drop(spawned);
    end.send(()).unwrap();
    assert_eq!(within(settle(&idempotency, "k", &runs)).await.unwrap(), Once::Replayed(7));
}

#[tokio::test]
async fn a_spawned_step_that_panics_has_an_unknown_outcome() {
    let (it, runs) = (setup(), Runs::default());
    let step = async |_| -> Result<u32, Infallible> { panic!("a mistake") };
    assert_eq!(it.idempotency.once("settle", "k").spawn(step).await.unwrap(), Once::OutcomeUnknown);
    it.clock.advance(LEASE);
    assert_eq!(settle(&it.idempotency, "k", &runs).await.unwrap(), Once::OutcomeUnknown);
}

#[tokio::test]
async fn derived_keys_and_checkpoints_are_the_same_on_the_next_attempt() {
    let it = setup();
    let keys = Arc::new(Mutex::new(Vec::new()));
    let call = || it.idempotency.once("settle", "k").abandoned(Abandoned::Rerun);
    let charge = async |context: &idempotent_runtime::OnceContext| {
        keys.lock().await.push(context.derive_key("psp"));
        let attempt = context.attempt();
        context.checkpoint("charge", async { Ok::<_, Infallible>(attempt) }).await.unwrap()
    };
    let mut run = Box::pin(call().run(async |context| {
        charge(&context).await;
        pending::<Result<u32, Infallible>>().await
    }));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut run).await.is_err());
    drop(run);
    it.clock.advance(LEASE);
    let ran = call().run(async |context| Ok::<_, Infallible>(charge(&context).await)).await.unwrap();
    assert_eq!(ran, Once::Ran(1), "the second attempt gets what the first has recorded");
    let keys = keys.lock().await;
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    assert_eq!(keys[0].len(), 36);
}
