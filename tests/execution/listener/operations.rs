//! Events of calls: each names its operation.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use idempotent_runtime::{Event, Idempotency, Listener, Once, Outcome, metrics::Metrics};
use idempotent_tests::fresh;
use metrics::set_default_local_recorder;

use super::recorder::Recorder;

async fn settle(idempotency: &Idempotency, key: &str) -> Once<u32> {
    idempotency.once("settle", key).run(async |_| Ok::<_, Infallible>(1)).await.unwrap()
}

/// Operation, outcome and attempt of an event.
type Heard = (Option<String>, Outcome, Option<u32>);

#[tokio::test]
async fn an_event_names_the_operation_and_neither_key_nor_value() {
    let (heard, said) = (Arc::new(Mutex::new(Vec::<Heard>::new())), Arc::new(Mutex::new(String::new())));
    let (hearing, saying) = (Arc::clone(&heard), Arc::clone(&said));
    let listener = move |event: &Event<'_>| {
        assert!(event.method.is_none() && event.route.is_none(), "{event:?}");
        let operation = event.operation.map(str::to_owned);
        hearing.lock().unwrap().push((operation, event.outcome, event.attempt));
        saying.lock().unwrap().push_str(&format!("{event:?}"));
    };
    let idempotency = fresh().listener(listener).build().unwrap();
    let secret = "secret-key";
    let failed = idempotency.once("settle", secret).run(async |_| Err::<u32, _>("declined")).await;
    assert!(failed.is_err());
    assert_eq!(settle(&idempotency, secret).await, Once::Ran(1));
    assert_eq!(settle(&idempotency, secret).await, Once::Replayed(1));
    let other = idempotency.once("settle", secret).fingerprint("secret-body").wait(Duration::ZERO);
    assert_eq!(other.run(async |_| Ok::<_, Infallible>(2)).await.unwrap(), Once::Reused);
    let refund = idempotency.once("refund", secret).run(async |_| Ok::<_, Infallible>(3)).await;
    assert_eq!(refund.unwrap(), Once::Ran(3));
    let of = |operation: &str, outcome, attempt| (Some(operation.to_owned()), outcome, attempt);
    assert_eq!(
        *heard.lock().unwrap(),
        [
            of("settle", Outcome::Executed, Some(1)),
            of("settle", Outcome::Executed, Some(1)),
            of("settle", Outcome::Replayed, None),
            of("settle", Outcome::KeyReused, None),
            of("refund", Outcome::Executed, Some(1)),
        ]
    );
    assert!(!said.lock().unwrap().contains("secret"));
}

#[tokio::test]
async fn metrics_count_calls_by_their_operation() {
    let recorder = Recorder::default();
    let _installed = set_default_local_recorder(&recorder);
    let metrics = Metrics::new();
    let idempotency = fresh().listener(move |event: &Event<'_>| metrics.heard(event)).build().unwrap();
    for (key, told) in [("k", Once::Ran(1)), ("k", Once::Replayed(1)), ("l", Once::Ran(1))] {
        assert_eq!(settle(&idempotency, key).await, told);
    }
    let counts = recorder.requests();
    let of = |outcome: Outcome| counts.get(&("settle".to_owned(), outcome.as_str())).copied();
    assert_eq!((of(Outcome::Executed), of(Outcome::Replayed)), (Some(2), Some(1)), "{counts:?}");
}
