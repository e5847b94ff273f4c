//! Results of a call: each that there is.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use idempotent_runtime::{
    Drained, Idempotency, ManualClock, MemoryStore, OnStoreError, Once, OnceError, Principal,
};
use idempotent_tests::{
    Http1, fresh,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::oneshot;

use super::fixture::{Runs, settle};
use crate::gate::{Gate, keyed};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_value_is_replayed_and_the_step_runs_once() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Ran(1));
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Replayed(1));
    assert_eq!(settle(&idempotency, "l", &runs).await.unwrap(), Once::Ran(2));
}

#[tokio::test]
async fn an_error_frees_the_key() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    let failed = idempotency.once("settle", "k").run(async |_| Err::<u32, _>("declined")).await;
    assert!(matches!(failed, Err(OnceError::Step("declined"))), "{failed:?}");
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Ran(1));
}

#[tokio::test]
async fn a_key_is_for_one_fingerprint_and_without_one_the_key_alone_counts() {
    let idempotency = fresh().build().unwrap();
    let with = async |key: &str, body: Option<&str>| {
        let once = idempotency.once("settle", key);
        let once = match body {
            Some(body) => once.fingerprint(body),
            None => once,
        };
        once.run(async |_| Ok::<_, Infallible>(1)).await.unwrap()
    };
    assert_eq!(with("k", Some("a")).await, Once::Ran(1));
    assert_eq!(with("k", Some("a")).await, Once::Replayed(1));
    for other in [Some("b"), Some(""), None] {
        assert_eq!(with("k", other).await, Once::Reused, "{other:?}");
    }
    assert_eq!(with("l", None).await, Once::Ran(1));
    assert_eq!(with("l", None).await, Once::Replayed(1));
}

#[tokio::test]
async fn operation_principal_and_namespace_tell_keys_apart() {
    let (store, runs) = (MemoryStore::new(), Runs::default());
    let of = |namespace| Idempotency::builder().store(store.clone()).namespace(namespace).build().unwrap();
    let (shop, test) = (of("shop"), of("test"));
    let calls = || {
        [
            shop.once("settle", "k"),
            shop.once("refund", "k"),
            shop.once("settl", "ek"),
            shop.once("settle", "k").principal(Principal::new("alice")),
            shop.once("settle", "k").principal(Principal::new("bob")),
            test.once("settle", "k"),
        ]
    };
    for call in calls() {
        let ran = call.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
        assert_eq!(ran, Once::Ran(runs.count()));
    }
    for (number, call) in calls().into_iter().enumerate() {
        let again = call.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
        assert_eq!(again, Once::Replayed(u32::try_from(number).unwrap() + 1));
    }
}

#[tokio::test]
async fn a_key_and_an_operation_have_1_to_255_bytes_of_any_kind() {
    let (idempotency, long) = (fresh().build().unwrap(), [0xff; 256]);
    let once = async |operation: &[u8], key: &[u8]| {
        idempotency.once(operation, key).run(async |_| Ok::<_, Infallible>(1)).await
    };
    for (operation, key) in [(&b""[..], &b"k"[..]), (b"o", b""), (&long, b"k"), (b"o", &long)] {
        assert!(matches!(once(operation, key).await, Err(OnceError::Key)));
    }
    assert_eq!(once(&long[..255], &long[..255]).await.unwrap(), Once::Ran(1));
    assert_eq!(once(b"\0", b"\n").await.unwrap(), Once::Ran(1));
}

#[tokio::test]
async fn a_value_that_has_expired_is_told_so_while_it_is_remembered() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let idempotency = Idempotency::builder().store(store).remember_expired_keys(HOUR).build().unwrap();
    let once = async || {
        idempotency.once("settle", "k").ttl(HOUR).run(async |_| Ok::<_, Infallible>(1)).await.unwrap()
    };
    assert_eq!(once().await, Once::Ran(1));
    clock.advance(HOUR);
    assert_eq!(once().await, Once::Expired);
    clock.advance(HOUR);
    assert_eq!(once().await, Once::Ran(1));
}

#[tokio::test]
async fn who_may_not_wait_is_told_that_the_step_runs() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    let ((begin, began), (end, ended)) = (oneshot::channel(), oneshot::channel::<()>());
    let first = idempotency.once("settle", "k").spawn(async move |_| {
        begin.send(()).unwrap();
        ended.await.map(|()| 7)
    });
    began.await.unwrap();
    let waitless = idempotency.once("settle", "k").wait(Duration::ZERO);
    let told = waitless.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
    assert!(matches!(told, Once::InProgress { retry_after } if !retry_after.is_zero()), "{told:?}");
    end.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Once::Ran(7));
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Replayed(7));
}

#[tokio::test]
async fn a_value_that_is_too_large_is_not_stored_and_its_step_does_not_run_again() {
    let (idempotency, runs) = (fresh().max_response_body(8).build().unwrap(), Runs::default());
    for _ in 0..2 {
        let step = async |_| {
            runs.one();
            Ok::<_, Infallible>("x".repeat(7))
        };
        assert_eq!(idempotency.once("settle", "k").run(step).await.unwrap(), Once::NotStored);
    }
    assert_eq!(runs.count(), 1);
    let fits = idempotency.once("settle", "l").run(async |_| Ok::<_, Infallible>("x".repeat(6))).await;
    assert_eq!(fits.unwrap(), Once::Ran("x".repeat(6)));
}

#[tokio::test]
async fn a_value_that_cannot_be_written_or_read_is_an_error_and_its_step_does_not_run_again() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    let unwritable = async |_| {
        runs.one();
        Ok::<_, Infallible>(HashMap::from([((1, 2), 3)]))
    };
    let first = idempotency.once("settle", "k").run(unwritable).await;
    assert!(matches!(first, Err(OnceError::Value(_))), "{first:?}");
    assert_eq!(idempotency.once("settle", "k").run(unwritable).await.unwrap(), Once::NotStored);
    assert_eq!(runs.count(), 1);

    assert_eq!(settle(&idempotency, "l", &runs).await.unwrap(), Once::Ran(2));
    let other = idempotency.once("settle", "l").run(async |_| Ok::<_, Infallible>("text".to_owned())).await;
    assert!(matches!(other, Err(OnceError::Value(_))), "{other:?}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_runs_nothing_whatever_holds_for_handlers() {
    let (store, runs) = (Scripted::new(MemoryStore::new()), Runs::default());
    let execute = OnStoreError::Execute;
    let idempotency = Idempotency::builder().store(store.clone()).on_store_error(execute).build().unwrap();
    store.next(Verb::Claim, usize::MAX, Fault::Fails);
    let lost = settle(&idempotency, "k", &runs).await;
    assert!(
        matches!(lost, Err(OnceError::Unavailable { retry_after }) if !retry_after.is_zero()),
        "{lost:?}"
    );
    store.heal(Verb::Claim);
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Ran(1));
}

#[tokio::test]
async fn a_process_that_drains_takes_no_new_key_and_replays_what_it_has() {
    let (idempotency, runs) = (fresh().build().unwrap(), Runs::default());
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Ran(1));
    assert_eq!(idempotency.drain(HOUR).await, Drained::Complete);
    assert!(matches!(settle(&idempotency, "l", &runs).await, Err(OnceError::Unavailable { .. })));
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::Replayed(1));
}

#[tokio::test]
async fn a_handler_and_an_operation_share_no_entry_whatever_their_names() {
    let (idempotency, gate, runs) = (fresh().build().unwrap(), Gate::open(), Runs::default());
    let server = gate.server(&idempotency);
    let request = keyed("/patient", "k", "");
    assert!(!Http1::once(server.address(), &request).await.is_replay());
    for operation in ["/patient", "POST /patient", "endpoint", "endpointPOST/patient"] {
        let ran = idempotency.once(operation, "k").run(async |_| Ok::<_, Infallible>(runs.one())).await;
        assert_eq!(ran.unwrap(), Once::Ran(runs.count()), "{operation}");
    }
    assert!(Http1::once(server.address(), &request).await.is_replay());
}
