//! One of two nodes is killed, again and again, while clients send requests and retry until they
//! have an answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_tests::Reply;
use tokio::time::sleep;

use crate::service::{Service, request, uuid};

/// Time for which a claim stands without renewal.
const LEASE: Duration = Duration::from_millis(1_500);
const KILLS: usize = 200;
/// The same for work by `once`, which goes the way of a handler.
const KILLS_OF_MESSAGES: usize = 20;
const CLIENTS: usize = 32;
/// Time that a request may take beside the leases that have to run out before it can be decided
/// upon.
const MARGIN: Duration = Duration::from_secs(1);

/// A request that has ended.
struct Ended {
    request: Vec<u8>,
    key: String,
    reply: Reply,
    /// Number of times that a node said that its store did not answer. It is not known then whether
    /// the node had claimed.
    refusals: usize,
    /// Time from when the first of its nodes died, if one did.
    recovery: Option<Duration>,
    /// Outcome of each try: when, at which node, and what the node said before it died.
    tries: Vec<(Duration, usize, Option<u16>)>,
}

impl Ended {
    /// Number of its executions that have died.
    ///
    /// Every one of them was claimed, and the next attempt is told how many there were. If the
    /// outcome is unknown, there was one: nothing runs again then.
    fn deaths(&self) -> u32 {
        self.reply.header("x-attempt").map_or(1, |attempt| attempt.parse::<u32>().unwrap() - 1)
    }

    /// True where it ended later than it should have, counted from the death of the first node. A
    /// request whose store did not answer is never too late.
    ///
    /// A claim whose node has died stands for a lease at most. The next request gets an answer, or
    /// runs the handler, and may die of it again. Nodes that die while they only wait for that
    /// lease delay nothing but the next try. One lease is granted also where none had to run out: a
    /// node may die before its claim is sent, and on a busy machine the next try takes its time.
    fn is_too_late(&self) -> bool {
        let longest = LEASE * self.deaths().max(1) + MARGIN;
        self.refusals == 0 && self.recovery.is_some_and(|recovery| recovery > longest)
    }
}

struct Clients {
    service: Service,
    path: &'static str,
    stop: AtomicBool,
    answered: AtomicUsize,
    ended: Mutex<Vec<Ended>>,
}

pub(crate) fn random(below: u64) -> u64 {
    let token = idempotent_runtime::store::Token::random().unwrap();
    u64::from_le_bytes(token.as_bytes()[..8].try_into().unwrap()) % below
}

impl Clients {
    async fn send_until_stopped(self: Arc<Self>) {
        while !self.stop.load(SeqCst) {
            let ended = self.send_one().await;
            self.ended.lock().unwrap().push(ended);
            self.answered.fetch_add(1, SeqCst);
        }
    }

    /// Sends one request, to any node, until it has an answer that ends it.
    async fn send_one(&self) -> Ended {
        let key = uuid();
        let request = request(self.path, &key, random(20), random(20));
        let (service, began) = (&self.service, self.service.now());
        let (mut died, mut refusals, mut tries) = (None, 0, Vec::new());
        loop {
            let node = usize::from(random(2) == 1);
            let reply = service.ask(node, &request).await;
            tries.push((service.now().wall_since(began), node, reply.as_ref().map(|reply| reply.status)));
            match reply {
                None => {
                    let killed = service.killed(node).expect("only a kill breaks a connection");
                    died = died.or(Some(killed.max(began)));
                }
                Some(reply) if is_to_be_retried(&reply) => refusals += 1,
                Some(reply) => {
                    let recovery = died.map(|died| service.now().since(died));
                    return Ended { request, key, reply, refusals, recovery, tries };
                }
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) fn is_to_be_retried(reply: &Reply) -> bool {
    match reply.status {
        201 => false,
        409 | 503 => reply.json()["retryable"] == true,
        _ => panic!("no such answer is in the contract: {reply:?}"),
    }
}

/// Kills a node at random moments, again and again, while clients send to `path`. Then checks what
/// has become of every request.
async fn killed(store: &str, path: &'static str, kills: usize) -> (Vec<Ended>, HashMap<String, usize>) {
    let clients = Arc::new(Clients {
        service: Service::start(store, LEASE).await,
        path,
        stop: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        ended: Mutex::default(),
    });
    let running: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(Arc::clone(&clients).send_until_stopped())).collect();
    for _ in 0..kills {
        sleep(Duration::from_millis(20 + random(100))).await;
        clients.service.kill(usize::from(random(2) == 1)).await;
    }
    clients.stop.store(true, SeqCst);
    for client in running {
        client.await.unwrap();
    }
    let ended = std::mem::take(&mut *clients.ended.lock().unwrap());
    in_time(&ended);
    for request in &ended {
        replays_everywhere(&clients.service, request).await;
    }
    let mut effects = HashMap::new();
    for key in clients.service.effects() {
        *effects.entry(key).or_default() += 1;
    }
    (ended, effects)
}

/// Every request that was interrupted has ended as soon as it could.
fn in_time(ended: &[Ended]) {
    let interrupted: Vec<_> = ended.iter().filter(|ended| ended.recovery.is_some()).collect();
    assert!(!interrupted.is_empty(), "no request was interrupted");
    let longest = interrupted.iter().filter_map(|ended| ended.recovery).max();
    println!("{} interrupted requests, the longest for {longest:?}", interrupted.len());
    if let Some(late) = interrupted.iter().find(|ended| ended.is_too_late()) {
        let Ended { key, reply, recovery, tries, .. } = late;
        panic!("{key} was answered {} {recovery:?} after a node had died: {tries:?}", reply.status);
    }
}

/// Asserts that every node tells a client again what the client was told once.
async fn replays_everywhere(service: &Service, ended: &Ended) {
    for node in 0..2 {
        let mut again = service.ask(node, &ended.request).await.unwrap();
        // The store of a machine that is too busy does not answer in time.
        while is_to_be_retried(&again) {
            again = service.ask(node, &ended.request).await.unwrap();
        }
        assert_eq!((again.status, again.is_replay()), (ended.reply.status, ended.reply.status == 201));
        match ended.reply.status {
            201 => assert_eq!(again.body, ended.reply.body),
            _ => assert_eq!(again.code(), ended.reply.code()),
        }
    }
}

/// By default a key has one effect at most, whoever dies.
pub(crate) async fn nothing_runs_twice(store: &str) {
    nothing_runs_twice_at(store, "/refuse", KILLS).await;
}

/// The same for the steps of messages.
pub(crate) async fn no_step_runs_twice(store: &str) {
    nothing_runs_twice_at(store, "/once/refuse", KILLS_OF_MESSAGES).await;
}

/// The same for requests to `path`, with so many kills.
pub(crate) async fn nothing_runs_twice_at(store: &str, path: &'static str, kills: usize) {
    let (ended, effects) = killed(store, path, kills).await;
    for Ended { key, reply, .. } in &ended {
        let effects = effects.get(key).copied().unwrap_or(0);
        match reply.status {
            201 => assert_eq!(effects, 1, "{key} was answered"),
            _ => {
                assert_eq!(reply.code(), "outcome_unknown");
                assert!(effects <= 1, "{key} had {effects} effects");
            }
        }
    }
    let unknown = ended.iter().filter(|ended| ended.reply.status != 201).count();
    assert!(unknown > 0, "no execution died");
    println!("{} requests, {unknown} of them of unknown outcome", ended.len());
}

/// Under `rerun` every key is answered in the end, and each crash costs it one more effect at most.
pub(crate) async fn every_request_is_answered(store: &str) {
    every_request_is_answered_at(store, "/rerun", KILLS).await;
}

/// The same for the steps of messages.
pub(crate) async fn every_step_ends(store: &str) {
    every_request_is_answered_at(store, "/once/rerun", KILLS_OF_MESSAGES).await;
}

/// The same for requests to `path`, with so many kills.
pub(crate) async fn every_request_is_answered_at(store: &str, path: &'static str, kills: usize) {
    let (ended, effects) = killed(store, path, kills).await;
    for request in &ended {
        let Ended { key, reply, refusals, .. } = request;
        let effects = effects.get(key).copied().unwrap_or(0);
        assert_eq!(reply.status, 201, "{reply:?}");
        let most = 1 + request.deaths() as usize + refusals;
        assert!((1..=most).contains(&effects), "{key} had {effects} effects, {most} at most are right");
    }
    let again = effects.values().filter(|&&effects| effects > 1).count();
    println!("{} requests, {again} of them ran again", ended.len());
}
