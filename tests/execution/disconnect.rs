//! Clients that hang up, in every way and at any moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use idempotent_runtime::{Idempotency, SqliteStore, idempotent};
use idempotent_tests::{Http1, Http2, Scratch, TestServer, fresh};
use tokio::time::sleep;

use crate::gate::{keyed, within};

const KEYS: usize = 1_000;
const AT_A_TIME: usize = 64;
const PADDING: usize = 300;

struct Effects(Vec<AtomicUsize>);

impl Effects {
    fn of(&self, key: usize) -> usize {
        self.0[key].load(SeqCst)
    }

    async fn happened(&self, key: usize) {
        within(async {
            while self.of(key) == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

#[post("/order")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn order(body: String, effects: web::Data<Effects>) -> impl Responder {
    let key: usize = body.trim_end_matches('.').parse().unwrap();
    effects.0[key].fetch_add(1, SeqCst);
    sleep(Duration::from_millis(key as u64 % 4)).await;
    HttpResponse::Created().body(format!("order {key}"))
}

fn in_memory() -> Idempotency {
    fresh().build().unwrap()
}

/// A handle whose claims and completions take time, so that a client may hang up in the midst of
/// one.
async fn on_disk(scratch: &Scratch) -> Idempotency {
    let file = scratch.file("keys.db");
    let store = SqliteStore::open(&format!("sqlite:{}", file.display())).await.unwrap();
    Idempotency::builder().store(store).build().unwrap()
}

fn server(half_closed: bool, idempotency: Idempotency) -> (TestServer, Arc<Effects>) {
    let effects = Arc::new(Effects((0..KEYS).map(|_| AtomicUsize::new(0)).collect()));
    let counted = Arc::clone(&effects);
    let server = TestServer::start_with(2, half_closed, move |app| {
        let effects = web::Data::from(Arc::clone(&counted));
        app.app_data(idempotency.clone()).app_data(effects).service(order);
    });
    (server, effects)
}

fn body(key: usize) -> String {
    format!("{key}{}", ".".repeat(PADDING))
}

fn request(key: usize) -> Vec<u8> {
    keyed("/order", &format!("key-{key}"), &body(key))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Reset,
    Close,
    HalfClose,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// After that many bytes of the request, which are not all.
    Before(usize),
    /// As soon as all has been sent.
    RightAfter,
    /// That long after the handler began.
    During(Duration),
}

/// Pseudo-random, the same in every run.
fn moment(seed: usize, length: usize) -> Moment {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^= state >> 31;
    match state % 3 {
        0 => Moment::Before((state >> 8) as usize % length),
        1 => Moment::RightAfter,
        _ => Moment::During(Duration::from_micros((state >> 8) % 3_000)),
    }
}

/// Sends the request of `key` and hangs up; what must hold before anybody retries is checked.
async fn hang_up(server: &TestServer, effects: &Effects, way: Way, moment: Moment, key: usize, polite: bool) {
    let request = request(key);
    let mut connection = Http1::open(server.address()).await;
    match moment {
        Moment::Before(bytes) => connection.send(&request[..bytes]).await,
        Moment::RightAfter => connection.send(&request).await,
        Moment::During(time) => {
            connection.send(&request).await;
            effects.happened(key).await;
            sleep(time).await;
        }
    }
    let arrived = !matches!(moment, Moment::Before(_));
    match way {
        Way::Reset => connection.reset(),
        Way::Close => drop(connection),
        Way::HalfClose => {
            connection.half_close().await;
            let reply = within(connection.reply()).await;
            if arrived && polite {
                let reply = reply.expect("who only stopped sending is answered");
                assert_eq!((reply.status, reply.is_replay()), (201, false), "{moment:?}");
            }
        }
    }
    if arrived && polite && way != Way::Reset {
        effects.happened(key).await;
    }
}

async fn every_order_is_made_once(way: Way, half_closed: bool, idempotency: Idempotency) {
    let (server, effects) = server(half_closed, idempotency);
    let (server, effects) = (&server, &*effects);
    let seed = KEYS * (way as usize * 2 + usize::from(half_closed));
    let moment = |key| moment(seed + key, request(key).len());
    stream::iter(0..KEYS)
        .for_each_concurrent(AT_A_TIME, |key| hang_up(server, effects, way, moment(key), key, half_closed))
        .await;
    let retried = |key| async move {
        let before = effects.of(key);
        match moment(key) {
            Moment::Before(_) => assert_eq!(before, 0, "{:?}: no effect without a whole body", moment(key)),
            _ => assert!(before <= 1, "{:?}: {before} effects", moment(key)),
        }
        let retry = within(Http1::once(server.address(), &request(key))).await;
        assert_eq!((retry.status, retry.text()), (201, format!("order {key}").as_str()), "{:?}", moment(key));
        if before == 1 {
            assert!(retry.is_replay(), "{:?}: {retry:?}", moment(key));
        }
        if let Moment::Before(_) = moment(key) {
            assert!(!retry.is_replay(), "{:?}: {retry:?}", moment(key));
        }
        assert_eq!(effects.of(key), 1, "{:?}", moment(key));
    };
    stream::iter(0..KEYS).for_each_concurrent(AT_A_TIME, retried).await;
}

#[tokio::test]
async fn a_client_that_resets_its_connection_has_one_effect() {
    every_order_is_made_once(Way::Reset, true, in_memory()).await;
}

#[tokio::test]
async fn a_client_that_closes_its_connection_has_one_effect() {
    every_order_is_made_once(Way::Close, true, in_memory()).await;
}

#[tokio::test]
async fn a_client_that_stops_sending_has_one_effect_and_its_answer() {
    every_order_is_made_once(Way::HalfClose, true, in_memory()).await;
}

#[tokio::test]
async fn where_half_closed_is_closed_a_reset_connection_has_one_effect() {
    every_order_is_made_once(Way::Reset, false, in_memory()).await;
}

#[tokio::test]
async fn where_half_closed_is_closed_a_closed_connection_has_one_effect() {
    every_order_is_made_once(Way::Close, false, in_memory()).await;
}

#[tokio::test]
async fn where_half_closed_is_closed_a_client_that_stops_sending_has_one_effect() {
    every_order_is_made_once(Way::HalfClose, false, in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_store_that_is_waited_for_a_reset_connection_has_one_effect() {
    let scratch = Scratch::new();
    every_order_is_made_once(Way::Reset, true, on_disk(&scratch).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_store_that_is_waited_for_a_closed_connection_has_one_effect() {
    let scratch = Scratch::new();
    every_order_is_made_once(Way::Close, false, on_disk(&scratch).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_store_that_is_waited_for_a_client_that_stops_sending_has_one_effect() {
    let scratch = Scratch::new();
    every_order_is_made_once(Way::HalfClose, false, on_disk(&scratch).await).await;
}

#[tokio::test]
async fn a_client_that_resets_its_http_2_stream_has_one_effect() {
    let (server, effects) = server(true, in_memory());
    let (server, effects) = (&server, &*effects);
    // A connection each: one that sees many resets is closed by the server, as an attack.
    let post = |key: usize| async move {
        let (connection, _moving) = Http2::open(server.address()).await;
        let (name, body) = (format!("key-{key}"), Bytes::from(body(key)));
        connection.send("/order", &[("idempotency-key", &name)], body).await
    };
    let reset = |key| async move {
        let exchange = post(key).await;
        if let Moment::During(time) = moment(key, 1) {
            effects.happened(key).await;
            sleep(time).await;
        }
        exchange.reset();
    };
    stream::iter(0..KEYS).for_each_concurrent(AT_A_TIME, reset).await;
    let retried = |key| async move {
        assert!(effects.of(key) <= 1);
        let retry = within(post(key).await.reply()).await.unwrap();
        assert_eq!((retry.status, retry.text()), (201, format!("order {key}").as_str()));
        assert_eq!(effects.of(key), 1);
    };
    stream::iter(0..KEYS).for_each_concurrent(AT_A_TIME, retried).await;
}
