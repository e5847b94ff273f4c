//! The kit's store, which does as it is told.

use std::time::Duration;

use actix_web::{App, HttpResponse, web};
use idempotent_runtime::{
    Idempotency, ManualClock, MemoryStore, idempotent,
    testing::{Behaviour, Server, UnreliableStore, serve},
};
use tokio::time::Instant;

use super::Effects;

#[idempotent(ttl = "24h")]
async fn work(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

fn served(store: &UnreliableStore, effects: &Effects) -> Server {
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let effects = effects.clone();
    serve(move || {
        let app = App::new().app_data(idempotency.clone()).configure(|app| effects.register(app));
        app.route("/work", web::post().to(work))
    })
}

/// The status of an answer, and whether it is a replay.
async fn sent(server: &Server, key: &str) -> (u16, bool) {
    let reply = server.post("/work").send(Some(key)).await.unwrap();
    (reply.status.as_u16(), reply.is_replay())
}

#[actix_web::test]
async fn a_store_that_fails_is_a_503_and_nothing_runs() {
    let (store, effects) = (UnreliableStore::default(), Effects::default());
    let server = served(&store, &effects);
    store.behave(Behaviour::Fails);
    assert_eq!(sent(&server, "a").await, (503, false));
    assert_eq!(effects.count(), 0);
    store.behave(Behaviour::Works);
    assert_eq!(sent(&server, "a").await, (201, false));
    assert_eq!(sent(&server, "a").await, (201, true));
}

#[actix_web::test]
async fn a_store_that_delays_makes_a_request_slower() {
    let (store, effects) = (UnreliableStore::default(), Effects::default());
    let server = served(&store, &effects);
    let (delay, began) = (Duration::from_millis(60), Instant::now());
    store.behave(Behaviour::Delays(delay));
    assert_eq!(sent(&server, "a").await, (201, false));
    assert!(began.elapsed() >= 2 * delay, "a claim and a completion");
}

#[actix_web::test]
async fn a_store_that_hangs_goes_on_when_it_works() {
    let (store, effects) = (UnreliableStore::default(), Effects::default());
    let server = served(&store, &effects);
    store.behave(Behaviour::Hangs);
    let request = server.post("/work");
    let waiting = request.send(Some("a"));
    let works = async {
        let hanging = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
        assert!(hanging.is_err() && effects.count() == 0);
        store.behave(Behaviour::Works);
    };
    let (reply, ()) = futures_util::join!(waiting, works);
    assert_eq!((reply.unwrap().status.as_u16(), effects.count()), (201, 1));
}

#[actix_web::test]
async fn a_store_that_forgets_lets_a_key_run_again() {
    let (store, effects) = (UnreliableStore::default(), Effects::default());
    let server = served(&store, &effects);
    assert_eq!(sent(&server, "a").await, (201, false));
    assert_eq!(sent(&server, "a").await, (201, true));
    store.forget();
    assert_eq!(sent(&server, "a").await, (201, false));
    assert_eq!(effects.count(), 2);
}

#[actix_web::test]
async fn its_time_is_moved_by_the_clock_of_the_store_behind_it() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let store = UnreliableStore::new(move || MemoryStore::builder().clock(time.clone()).build());
    let server = served(&store, &Effects::default());
    assert_eq!(sent(&server, "a").await, (201, false));
    clock.advance(Duration::from_secs(23 * 60 * 60));
    assert_eq!(sent(&server, "a").await, (201, true));
    clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(sent(&server, "a").await, (201, false));
}
