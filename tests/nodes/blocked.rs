//! Two nodes whose workers are blocked at random, for longer than a lease, while clients send
//! requests to both.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use idempotent_tests::{Reply, stalls::Moment};
use tokio::time::sleep;

use crate::{
    crash::{is_to_be_retried, random},
    service::{Service, request, uuid},
};

/// Time for which a claim stands without renewal.
const LEASE: Duration = Duration::from_millis(LEASE_MILLIS);
const LEASE_MILLIS: u64 = 2_000;
/// Number of keys that are sent; `BLOCKED_KEYS` says another number.
const KEYS: usize = 96;
const CLIENTS: usize = 32;
/// Two workers a node: one of them is blocked for most of the time.
const WORKERS: usize = 2;
/// A claim that could not be renewed for so long because the whole machine stood still may be lost.
const STALL: Duration = Duration::from_millis(500);

/// A key, and what each of its requests was answered in the end.
struct Sent {
    key: String,
    replies: Vec<Reply>,
    unavailable: usize,
    began: Moment,
    ended: Moment,
}

impl Sent {
    /// True where the machine may have kept the key's lease from being renewed.
    fn is_excused(&self) -> bool {
        self.ended.wall_since(self.began) - self.ended.since(self.began) >= STALL
    }
}

/// Blocks one worker of a node after the other.
async fn block(service: &Service, node: usize, over: &AtomicBool) {
    while !over.load(SeqCst) {
        sleep(Duration::from_millis(random(LEASE_MILLIS / 2))).await;
        service.block(node, Duration::from_millis(random(3 * LEASE_MILLIS))).await;
    }
}

/// Sends a request to a node until it has an answer that ends it.
async fn answered(service: &Service, node: usize, request: &[u8], unavailable: &AtomicUsize) -> Reply {
    sleep(Duration::from_millis(random(50))).await;
    loop {
        let reply = service.ask(node, request).await.expect("no node dies");
        if !is_to_be_retried(&reply) {
            return reply;
        }
        unavailable.fetch_add(usize::from(reply.status == 503), SeqCst);
        sleep(Duration::from_millis(10)).await;
    }
}

/// Sends equal requests with a key of their own to both nodes at once.
async fn send(service: &Service, path: &str) -> Sent {
    let (key, unavailable) = (uuid(), AtomicUsize::new(0));
    let request = request(path, &key, random(20), random(20));
    let began = service.now();
    let replies = join_all([0, 1, 0, 1].map(|node| answered(service, node, &request, &unavailable))).await;
    Sent { key, replies, unavailable: unavailable.into_inner(), began, ended: service.now() }
}

async fn send_all(service: &Arc<Service>, path: &'static str, keys: usize) -> Vec<Sent> {
    let left = Arc::new(AtomicUsize::new(keys));
    let client = || {
        let (service, left) = (Arc::clone(service), Arc::clone(&left));
        tokio::spawn(async move {
            let mut sent = Vec::new();
            while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                sent.push(send(&service, path).await);
            }
            sent
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(|_| client()).collect();
    join_all(clients).await.into_iter().flat_map(Result::unwrap).collect()
}

/// Every key has one effect, which answers all its requests, and is stored.
pub(crate) async fn nothing_runs_twice(store: &str, path: &'static str) {
    let keys = std::env::var("BLOCKED_KEYS").map_or(KEYS, |keys| keys.parse().unwrap());
    let service = Arc::new(Service::start_with(store, LEASE, WORKERS).await);
    let over = Arc::new(AtomicBool::new(false));
    let blockers = [0, 1].map(|node| {
        let (service, over) = (Arc::clone(&service), Arc::clone(&over));
        tokio::spawn(async move { block(&service, node, &over).await })
    });
    let sent = send_all(&service, path, keys).await;
    over.store(true, SeqCst);
    for blocker in blockers {
        blocker.await.unwrap();
    }
    let mut effects: HashMap<String, usize> = HashMap::new();
    for key in service.effects() {
        *effects.entry(key).or_default() += 1;
    }
    let excused = sent.iter().filter(|sent| sent.is_excused()).count();
    let unavailable: usize = sent.iter().map(|sent| sent.unavailable).sum();
    println!("{keys} keys, {excused} of them while the machine stood still; 503 {unavailable} times");
    for sent in sent.iter().filter(|sent| !sent.is_excused()) {
        let Sent { key, replies, .. } = sent;
        assert_eq!(effects.get(key), Some(&1), "{key}: {replies:?}");
        for reply in replies {
            assert_eq!((reply.status, &reply.body), (201, &replies[0].body), "{key}: {reply:?}");
            assert_eq!(reply.header("x-attempt"), Some("1"), "{key}: {reply:?}");
            assert_eq!(reply.header("idempotency-stored"), None, "{key}: {reply:?}");
        }
    }
}
