//! A caller beyond its share where the oldest entries make room.

use idempotent_runtime::WhenFull;

use super::fixture::{BUDGET, BYTES, SHARE, Service};

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
