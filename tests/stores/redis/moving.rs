//! Slots of a cluster that move to another node while their keys are claimed.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use idempotent_runtime::{
    Address, RedisStore, Store, StoreError,
    store::{Claim, Completion, Hold},
};
use idempotent_tests::{
    redis_cluster::{RedisCluster, Slot},
    requests::{WON, claim, complete, hold, is_replay, retry},
};
use tokio::time::{Instant, sleep, timeout};

use super::key;

/// Slots that move, all of the first node's at the beginning.
const MOVING: u16 = 4;
/// Requests that are sent at a time, each by so many rivals.
const AT_ONCE: usize = 24;
const RIVALS: usize = 3;

/// A request whose key is in one of these slots: of those whose addresses differ in the last two
/// bytes, some are.
fn hold_in(slots: Range<u16>) -> Hold {
    loop {
        let owner = hold();
        let key = key(owner);
        let beginning = Slot::default().and(&key[..key.len() - 4]);
        let is_there = |end: &u16| slots.contains(&beginning.and(&format!("{end:04x}")).number());
        if let Some(end) = (0..=u16::MAX).find(is_there) {
            let mut address = *owner.address.as_bytes();
            address[30..].copy_from_slice(&end.to_be_bytes());
            return Hold { address: Address::from_bytes(address), ..owner };
        }
    }
}

/// Calls that were refused, by the reason.
#[derive(Debug, Default)]
struct Refusals(Mutex<BTreeMap<String, usize>>);

impl Refusals {
    /// Takes note of an error that the contract names: the store is unavailable.
    fn note(&self, error: &StoreError) {
        assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::NotDone { .. }), "{error:?}");
        let why = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
        // Of a key and an address only the kind of the answer.
        let why = why.split([':', '"']).next().unwrap_or_default().to_owned();
        *self.0.lock().unwrap().entry(why).or_default() += 1;
    }
}

/// Repeats a call, which has the same token each time, until it is answered.
async fn answered<T>(refusals: &Refusals, mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => refusals.note(&error),
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{refusals:?}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Sends one request from rivals at a time: one of them runs it, and all get its response.
async fn runs_once(stores: &[RedisStore; 2], refusals: &Refusals) {
    let owner = hold_in(0..MOVING);
    let rivals: Vec<Hold> = (0..RIVALS).map(|_| retry(owner)).collect();
    let store = |place: usize| &stores[place % stores.len()];
    let claims = rivals.iter().enumerate();
    let claims =
        claims.map(|(place, rival)| answered(refusals, async move || claim(store(place), *rival).await));
    let claims = join_all(claims).await;
    let won: Vec<usize> = (0..RIVALS).filter(|place| claims[*place] == WON).collect();
    let [winner] = won[..] else { panic!("{won:?} won {claims:?}") };
    let stored = answered(refusals, async || complete(store(winner), rivals[winner]).await).await;
    assert_eq!(stored, Completion::Stored);
    for place in 0..2 * RIVALS {
        let replay = answered(refusals, async || claim(store(place), retry(owner)).await).await;
        is_replay(&replay, rivals[winner]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_whose_slot_moves_meanwhile_runs_once_and_is_replayed() {
    let cluster = RedisCluster::start(3).await;
    let stores = [
        RedisStore::new(cluster.urls()).await.unwrap(),
        RedisStore::new(cluster.nodes[1].url()).await.unwrap(),
    ];
    let (stop, ran, refusals) = (AtomicBool::new(false), AtomicUsize::new(0), Refusals::default());
    let load = join_all((0..AT_ONCE).map(|_| async {
        while !stop.load(SeqCst) {
            runs_once(&stores, &refusals).await;
            ran.fetch_add(1, SeqCst);
        }
    }));
    // There is traffic between any two steps.
    let between = || async {
        let before = ran.load(SeqCst);
        while ran.load(SeqCst) == before {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let moves = async {
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            for slot in 0..MOVING {
                cluster.move_slot(slot, from, to, between).await;
            }
        }
    };
    let moves = async {
        let moved = timeout(Duration::from_secs(120), moves).await;
        stop.store(true, SeqCst);
        moved.expect("the slots move");
    };
    tokio::join!(load, moves);
    println!("{} requests ran once, refused calls: {refusals:?}", ran.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_is_the_same_before_while_and_after_its_slot_moves() {
    let cluster = RedisCluster::start(3).await;
    let (knowing, other) =
        (RedisStore::new(cluster.urls()).await.unwrap(), RedisStore::new(cluster.urls()).await.unwrap());
    let (done, running) = (hold_in(0..1), hold_in(1..2));
    for owner in [done, running] {
        assert_eq!(claim(&knowing, owner).await.unwrap(), WON);
    }
    complete(&knowing, done).await.unwrap();
    let is_the_same = || async {
        for store in [&knowing, &other] {
            is_replay(&claim(store, retry(done)).await.unwrap(), done);
            let found = claim(store, retry(running)).await.unwrap();
            assert!(matches!(found, Claim::InFlight { .. }), "{found:?}");
            assert!(store.inspect(done.address).await.unwrap().is_some());
        }
    };
    for slot in 0..2 {
        cluster.move_slot(slot, 0, 1, is_the_same).await;
    }
    is_the_same().await;
    assert_eq!(complete(&other, running).await.unwrap(), Completion::Stored);
}
