//! Calls of a store, and how many of them end in a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use idempotent_runtime::{
    Address, RequestFingerprint, Store,
    store::{Claim, Completion, Hold, Record, Retention, Token},
};

use crate::{
    claims::{HOUR, request},
    measured::setting,
};

/// 32 random bytes.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Token::random().unwrap().as_bytes());
    bytes[16..].copy_from_slice(Token::random().unwrap().as_bytes());
    bytes
}

/// A claim's hold on this address.
pub(crate) fn hold(address: [u8; 32]) -> Hold {
    Hold {
        address: Address::from_bytes(address),
        token: Token::random().unwrap(),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    }
}

/// Claims an address that nobody has claimed.
pub(crate) async fn win(store: &impl Store) -> Hold {
    let hold = hold(random());
    assert_eq!(claim(store, hold).await, Claim::Won { attempt: 1 });
    hold
}

pub(crate) async fn claim(store: &impl Store, hold: Hold) -> Claim {
    store.claim(request(hold)).await.unwrap()
}

/// Claims and completes, as an execution does.
pub(crate) async fn execute(store: &impl Store, record: Record) -> Hold {
    let hold = win(store).await;
    let retention = Retention { replay: HOUR, remember: Duration::ZERO };
    assert_eq!(store.complete(hold, record, retention).await.unwrap(), Completion::Stored);
    hold
}

/// Asks again for what is completed.
pub(crate) async fn replay(store: &impl Store, address: Address) {
    let claim = claim(store, hold(*address.as_bytes())).await;
    assert!(matches!(claim, Claim::Replay { .. }), "{claim:?}");
}

/// Calls of `one` that end per second, with so many in flight.
pub(crate) async fn rate<F>(in_flight: usize, one: impl Fn() -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (one, began) = (Arc::new(one), Instant::now());
    let until = began + Duration::from_millis(setting("BENCH_MILLIS", 1_000));
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            let one = Arc::clone(&one);
            tokio::spawn(async move {
                let mut done = 0_u32;
                while Instant::now() < until {
                    one().await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for caller in callers {
        done += caller.await.unwrap();
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}
