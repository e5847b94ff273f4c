//! Time that a request is told to wait when it finds no room.

use std::time::Duration;

use super::fixture::{DAY, Service, is_refused, wait_of};

const HOUR: u64 = 3600;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_caller_beyond_its_share_is_told_when_the_first_of_its_own_keys_expires() {
    let service = Service::start(|store| store);
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    // Somebody else's expires earlier, and leaves no room to this one.
    assert_eq!(two.report("early", 0).await.status, 201);
    service.clock.advance(MINUTE);
    let (_, refusal) = one.fill("a").await;
    assert_eq!(wait_of(&refusal), HOUR, "nobody is told to wait for longer");
    service.clock.advance(DAY - MINUTE);
    assert_eq!(wait_of(&one.report("new", 0).await), 60);
    service.clock.advance(MINUTE - Duration::from_millis(1_500));
    assert_eq!(wait_of(&one.report("new", 0).await), 2, "a part of a second is a second");
    service.clock.advance(Duration::from_millis(1_500));
    assert_eq!(one.report("new", 0).await.status, 201);
}

#[tokio::test]
async fn whoever_finds_the_store_full_is_told_when_the_first_key_of_all_expires() {
    let service = Service::start(|store| store);
    assert_eq!(service.caller("early").await.report("k", 0).await.status, 201);
    service.clock.advance(MINUTE);
    for name in ["one", "two"] {
        service.caller(name).await.fill(name).await;
    }
    let mut three = service.caller("three").await;
    let (_, refusal) = three.fill("a").await;
    is_refused(&refusal, 503, "store_full");
    assert_eq!(wait_of(&refusal), HOUR);
    service.clock.advance(DAY - MINUTE - MINUTE);
    let refusal = three.report("new", 5_000).await;
    is_refused(&refusal, 503, "store_full");
    assert_eq!(wait_of(&refusal), 60);
}
