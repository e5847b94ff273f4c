//! Samples of what goes on at a moment.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use idempotent_runtime::{Event, Idempotency, Listener, MemoryStore, Sample, WhenFull, metrics::Metrics};
use idempotent_tests::fresh;
use idempotent_tests::scripted::{Fault, Scripted, Verb};
use metrics::with_local_recorder;
use tokio::time::sleep;

use super::{
    fixture::{begin, open, send, serve_with},
    recorder::Recorder,
};
use crate::gate::{Gate, keyed, within};

/// Asserts that some of the metrics of `idempotency` have these values now.
#[track_caller]
fn measures(idempotency: &Idempotency, expected: &[(&str, u64)]) {
    let recorder = Recorder::default();
    with_local_recorder(&recorder, || Metrics::new().sample(idempotency));
    for (name, value) in expected {
        assert_eq!(recorder.value(name, None), Some(*value), "{name}");
    }
}

async fn until(happens: impl Fn() -> bool) {
    within(async {
        while !happens() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_sample_says_what_runs_and_what_waits() {
    let (idempotency, gate) = (fresh().build().unwrap(), Gate::shut());
    let server = serve_with(&idempotency, &gate);
    measures(&idempotency, &[("idempotent_executions_running", 0), ("idempotent_memory_entries", 0)]);
    let mut first = begin(&server, &gate, &keyed("/gated", "a", "")).await;
    let _other = begin(&server, &gate, &keyed("/gated", "b", "")).await;
    let mut second = open(&server, &keyed("/gated", "a", "")).await;
    until(|| idempotency.sample().waiting > 0).await;
    measures(&idempotency, &[("idempotent_executions_running", 2), ("idempotent_memory_entries", 2)]);
    gate.let_one_through();
    gate.let_one_through();
    within(first.reply()).await.unwrap();
    within(second.reply()).await.unwrap();
    until(|| idempotency.sample().running == 0).await;
    measures(&idempotency, &[("idempotent_executions_running", 0), ("idempotent_memory_entries", 2)]);
}

#[tokio::test]
async fn a_sample_says_what_the_memory_store_holds_and_what_it_has_evicted() {
    let store = MemoryStore::builder().budget(5000).when_full(WhenFull::EvictOldest).build();
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = serve_with(&idempotency, &Gate::open());
    for key in 0..50 {
        send(&server, &keyed("/orders/1", &format!("key-{key}"), "")).await;
    }
    let memory = idempotency.sample().memory.unwrap();
    assert_eq!((memory.bytes, memory.evicted), (store.used_bytes(), store.evicted()));
    assert_eq!(memory.entries as u64 + memory.evicted, 50, "{memory:?}");
    measures(
        &idempotency,
        &[("idempotent_memory_bytes", memory.bytes), ("idempotent_memory_evicted_total", memory.evicted)],
    );
}

#[tokio::test]
async fn renewals_are_counted_and_those_that_fail_too() {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::shut());
    store.next(Verb::Renew, 1, Fault::Fails);
    let builder = Idempotency::builder().store(store.clone()).lease(Duration::from_millis(300));
    let idempotency = builder.build().unwrap();
    let server = serve_with(&idempotency, &gate);
    let _running = begin(&server, &gate, &keyed("/gated", "k", "")).await;
    until(|| idempotency.sample().renewals > 1).await;
    assert_eq!(idempotency.sample().failed_renewals, 1);
    let (recorder, metrics) = (Recorder::default(), Metrics::new());
    let sample = idempotency.sample();
    with_local_recorder(&recorder, || (metrics.sampled(&sample), metrics.sampled(&sample)));
    let renewals = |result| recorder.value("idempotent_renewals_total", Some(("result", result)));
    assert_eq!((renewals("renewed"), renewals("failed")), (Some(sample.renewals), Some(1)));
}

#[tokio::test]
async fn what_is_left_to_be_stored_in_the_background_is_counted() {
    let store = Scripted::new(MemoryStore::new());
    store.next(Verb::Complete, usize::MAX, Fault::Fails);
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = serve_with(&idempotency, &Gate::open());
    send(&server, &keyed("/orders/1", "k", "")).await;
    measures(&idempotency, &[("idempotent_background_completions_total", 1)]);
}

#[tokio::test]
async fn a_listener_is_told_what_goes_on_while_its_panics_keep_no_lease_from_being_renewed() {
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<Sample>>>);

    impl Listener for Told {
        fn heard(&self, _: &Event<'_>) {}

        fn sampled(&self, sample: &Sample) {
            self.0.lock().unwrap().push(*sample);
            panic!("a listener's mistake");
        }
    }

    let (told, gate) = (Told::default(), Gate::shut());
    let builder = fresh().listener(Arc::new(told.clone())).lease(Duration::from_millis(300));
    let server = serve_with(&builder.build().unwrap(), &gate);
    let _running = begin(&server, &gate, &keyed("/gated", "k", "")).await;
    until(|| told.0.lock().unwrap().iter().any(|sample| sample.renewals > 1 && sample.running == 1)).await;
}

#[tokio::test]
async fn a_listener_that_hangs_while_it_is_told_what_goes_on_keeps_no_lease_from_being_renewed() {
    struct Hangs(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

    impl Listener for Hangs {
        fn heard(&self, _: &Event<'_>) {}

        fn sampled(&self, _: &Sample) {
            self.0.send(()).unwrap();
            let _ = self.1.lock().unwrap().recv();
        }
    }

    let ((told, is_told), (let_go, hangs), gate) = (mpsc::channel(), mpsc::channel(), Gate::shut());
    let listener = Hangs(told, Mutex::new(hangs));
    let builder = fresh().listener(listener).lease(Duration::from_millis(300));
    let idempotency = builder.build().unwrap();
    let server = serve_with(&idempotency, &gate);
    let _running = begin(&server, &gate, &keyed("/gated", "k", "")).await;
    until(|| idempotency.sample().renewals > 1).await;
    assert_eq!(is_told.try_iter().count(), 1, "it was told while it hung");
    drop(let_go);
}
