//! Duplicates that come while the first request runs.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, dev::Payload, post, web};
use futures_util::future::{LocalBoxFuture, join, join_all, select_all};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent, store::Claim};
use idempotent_tests::{
    Http1, Reply, TestServer, fresh,
    scripted::{Fault, Scripted, Verb},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::gate::{Gate, keyed, keyed_by, within};

fn in_memory() -> Idempotency {
    fresh().build().unwrap()
}

/// Sends a request and leaves its answer for later.
async fn sent(server: &TestServer, request: &[u8]) -> Http1 {
    Http1::begin(server.address(), request).await
}

async fn answer(mut connection: Http1) -> Reply {
    within(connection.reply()).await.expect("a whole response")
}

#[track_caller]
fn is_in_progress(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (409, "in_progress"), "{reply:?}");
    assert_eq!(reply.json()["retryable"], true);
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
}

#[tokio::test]
async fn a_duplicate_joins_the_running_execution_and_gets_its_response() {
    let gate = Gate::shut();
    let store = Scripted::new(MemoryStore::new());
    let server = gate.server(&Idempotency::builder().store(store.clone()).build().unwrap());
    let request = keyed("/patient", "k", "same");
    let first = sent(&server, &request).await;
    gate.began().await;
    let duplicates = join_all((0..5).map(|_| sent(&server, &request))).await;
    // One worker reads in turn: when this is answered, the duplicates wait or are about to.
    let other = Http1::once(server.address(), &keyed("/patient", "k", "other")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "key_reused"));
    gate.let_one_through();
    let first = answer(first).await;
    assert_eq!((first.status, first.is_replay(), first.text()), (201, false, "effect 1"));
    for duplicate in join_all(duplicates.into_iter().map(answer)).await {
        assert_eq!((duplicate.status, duplicate.is_replay(), duplicate.text()), (201, true, "effect 1"));
    }
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn a_thousand_duplicates_cost_the_store_one_claim() {
    let gate = Gate::shut();
    let store = Scripted::new(MemoryStore::new());
    let server = gate.server(&Idempotency::builder().store(store.clone()).build().unwrap());
    let crowd = Crowd::fill(&server, &gate, "a thousand").await;
    assert_eq!(store.calls(Verb::Claim), 1);
    gate.let_one_through();
    crowd.answers_all().await;
    assert_eq!((store.calls(Verb::Claim), store.calls(Verb::Complete)), (1, 1));
    assert_eq!(store.calls(Verb::Changed), 0);
}

#[tokio::test]
async fn without_waiting_a_duplicate_is_refused_at_once() {
    let gate = Gate::shut();
    let server = gate.server(&in_memory());
    let request = keyed("/impatient", "k", "");
    let first = sent(&server, &request).await;
    gate.began().await;
    is_in_progress(&Http1::once(server.address(), &request).await);
    gate.let_one_through();
    assert_eq!(answer(first).await.status, 201);
    assert!(Http1::once(server.address(), &request).await.is_replay());
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn without_waiting_two_retries_at_once_both_get_the_stored_response() {
    let store = Scripted::new(MemoryStore::new());
    let server = Gate::open().server(&Idempotency::builder().store(store.clone()).build().unwrap());
    let request = keyed("/impatient", "k", "");
    assert_eq!(Http1::once(server.address(), &request).await.status, 201);
    let answers = Arc::new(Semaphore::new(0));
    store.next(Verb::Claim, 1, Fault::Hangs(Arc::clone(&answers)));
    let leader = sent(&server, &request).await;
    store.called(Verb::Claim, 2).await;
    let follower = sent(&server, &request).await;
    // The one worker answers this after it has read what was sent before.
    Http1::once(server.address(), &keyed("/impatient", "another", "")).await;
    answers.add_permits(1);
    let (leader, follower) = join(answer(leader), answer(follower)).await;
    assert_eq!((leader.status, leader.is_replay()), (201, true), "{leader:?}");
    assert_eq!((follower.status, follower.is_replay()), (201, true), "{follower:?}");
}

#[tokio::test]
async fn a_duplicate_stops_waiting_and_the_first_still_completes() {
    let gate = Gate::shut();
    let server = gate.server(&in_memory());
    let request = keyed("/brief", "k", "");
    let first = sent(&server, &request).await;
    gate.began().await;
    is_in_progress(&Http1::once(server.address(), &request).await);
    gate.let_one_through();
    let first = answer(first).await;
    assert_eq!((first.status, first.is_replay()), (201, false));
    assert!(Http1::once(server.address(), &request).await.is_replay());
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn another_request_with_a_running_key_is_refused_without_waiting() {
    let gate = Gate::shut();
    let server = gate.server(&in_memory());
    let first = sent(&server, &keyed("/patient", "k", "one")).await;
    gate.began().await;
    let other = Http1::once(server.address(), &keyed("/patient", "k", "two")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "key_reused"));
    assert_eq!(other.header("retry-after"), None);
    gate.let_one_through();
    assert_eq!(answer(first).await.status, 201);
    assert_eq!(gate.effects(), 1);
}

/// One execution and as many duplicates as may wait for it, all of one caller.
struct Crowd {
    caller: &'static str,
    first: Http1,
    waiting: Vec<Http1>,
}

impl Crowd {
    /// Sends one more than may wait: when that one has been refused, the others wait.
    async fn fill(server: &TestServer, gate: &Gate, caller: &'static str) -> Crowd {
        let request = Self::duplicate_of(caller);
        let first = sent(server, &request).await;
        gate.began().await;
        let mut waiting = join_all((0..1025).map(|_| sent(server, &request))).await;
        let replies = waiting.iter_mut().map(|connection| Box::pin(connection.reply()));
        let (refused, index, _) = within(select_all(replies)).await;
        is_in_progress(&refused.unwrap());
        waiting.remove(index);
        Crowd { caller, first, waiting }
    }

    fn duplicate_of(caller: &str) -> Vec<u8> {
        keyed_by(caller, "/patient", "crowded", "same")
    }

    fn duplicate(&self) -> Vec<u8> {
        Self::duplicate_of(self.caller)
    }

    async fn answers_all(self) {
        let first = answer(self.first).await;
        assert_eq!((first.status, first.is_replay()), (201, false));
        for reply in join_all(self.waiting.into_iter().map(answer)).await {
            assert_eq!((reply.status, reply.is_replay(), &reply.body), (201, true, &first.body));
        }
    }
}

#[tokio::test]
async fn the_1025th_waiter_of_a_key_is_refused_at_once() {
    let gate = Gate::shut();
    let server = gate.server(&in_memory());
    let crowd = Crowd::fill(&server, &gate, "one more").await;
    is_in_progress(&Http1::once(server.address(), &crowd.duplicate()).await);
    gate.let_one_through();
    crowd.answers_all().await;
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn a_waiter_whose_connection_is_reset_gives_its_place_back() {
    let gate = Gate::shut();
    let server = gate.server(&in_memory());
    let mut crowd = Crowd::fill(&server, &gate, "reset").await;
    crowd.waiting.pop().unwrap().reset();
    // Refused until the server has seen the reset.
    let seated = loop {
        let mut connection = sent(&server, &crowd.duplicate()).await;
        match timeout(Duration::from_millis(500), connection.reply()).await {
            Ok(refused) => is_in_progress(&refused.unwrap()),
            Err(_) => break connection,
        }
        sleep(Duration::from_millis(5)).await;
    };
    // Its place was the only one.
    is_in_progress(&Http1::once(server.address(), &crowd.duplicate()).await);
    gate.let_one_through();
    assert!(answer(seated).await.is_replay());
    crowd.answers_all().await;
    assert_eq!(gate.effects(), 1);
}

/// An extractor that waits for the gate, and fails the first time.
struct FailsOnce;

impl FromRequest for FailsOnce {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let gate = request.app_data::<web::Data<Gate>>().unwrap().clone();
        Box::pin(async move {
            match gate.pass().await {
                1 => Err(actix_web::error::ErrorUnsupportedMediaType("not today")),
                _ => Ok(FailsOnce),
            }
        })
    }
}

#[post("/fails-once")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn fails_once(_extracted: FailsOnce) -> impl Responder {
    HttpResponse::Created().body("made")
}

#[tokio::test]
async fn when_the_leaders_extractor_fails_a_follower_runs() {
    let (gate, idempotency) = (Gate::shut(), in_memory());
    let extractor = gate.clone();
    let server = TestServer::start(1, move |app| {
        let gate = web::Data::new(extractor.clone());
        app.app_data(idempotency.clone()).app_data(gate).service(fails_once);
    });
    let request = keyed("/fails-once", "k", "");
    let leader = sent(&server, &request).await;
    gate.began().await;
    let followers = join_all((0..3).map(|_| sent(&server, &request))).await;
    gate.let_one_through();
    let leader = answer(leader).await;
    assert_eq!((leader.status, leader.text(), leader.is_replay()), (415, "not today", false));
    gate.let_one_through();
    let followers = join_all(followers.into_iter().map(answer)).await;
    assert!(followers.iter().all(|reply| reply.status == 201 && reply.text() == "made"), "{followers:?}");
    assert_eq!(followers.iter().filter(|reply| !reply.is_replay()).count(), 1);
    assert_eq!(gate.effects(), 2, "one extraction that failed, and one that did not");
}

#[tokio::test]
async fn a_handler_that_outlives_its_lease_keeps_its_claim() {
    let gate = Gate::shut();
    let store = Scripted::new(MemoryStore::new());
    let process = || {
        let lease = Duration::from_millis(300);
        Idempotency::builder().store(store.clone()).lease(lease).build().unwrap()
    };
    let (server, another) = (gate.server(&process()), gate.server(&process()));
    let request = keyed("/impatient", "k", "");
    let first = sent(&server, &request).await;
    gate.began().await;
    // Renewed at a third of the lease: five renewals are more than a lease.
    store.called(Verb::Renew, 5).await;
    is_in_progress(&Http1::once(another.address(), &request).await);
    gate.let_one_through();
    assert_eq!(answer(first).await.status, 201);
    assert!(Http1::once(another.address(), &request).await.is_replay());
    assert_eq!(gate.effects(), 1);
}

/// Holds a worker up until it is told to go on.
struct Blocker {
    began: Semaphore,
    go_on: Mutex<mpsc::Receiver<()>>,
}

#[post("/blocking")]
#[idempotent(wait = "0s")]
async fn blocking(blocker: web::Data<Blocker>) -> impl Responder {
    blocker.began.add_permits(1);
    blocker.go_on.lock().unwrap().recv().unwrap();
    HttpResponse::Created()
}

#[tokio::test]
async fn a_handler_that_blocks_its_worker_keeps_its_claim() {
    let store = Scripted::new(MemoryStore::new());
    let (go_on, told) = mpsc::channel();
    let blocker = web::Data::new(Blocker { began: Semaphore::new(0), go_on: Mutex::new(told) });
    let process = || {
        let lease = Duration::from_millis(300);
        let idempotency = Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
        let blocker = blocker.clone();
        TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).app_data(blocker.clone()).service(blocking);
        })
    };
    let (server, another) = (process(), process());
    let request = keyed("/blocking", "k", "");
    let first = sent(&server, &request).await;
    within(blocker.began.acquire()).await.unwrap().forget();
    store.called(Verb::Renew, 5).await;
    is_in_progress(&Http1::once(another.address(), &request).await);
    go_on.send(()).unwrap();
    assert_eq!(answer(first).await.status, 201);
    assert!(Http1::once(another.address(), &request).await.is_replay());
}

#[post("/brief")]
#[idempotent(wait = "1s")]
async fn brief() -> impl Responder {
    HttpResponse::Created()
}

#[tokio::test]
async fn a_store_that_wakes_for_nothing_is_not_asked_in_a_tight_loop() {
    let store = Scripted::saying(|| Ok(Claim::InFlight { lease_left: Duration::from_secs(30) }));
    store.next(Verb::Changed, usize::MAX, Fault::Fails);
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone()).service(brief);
    });
    is_in_progress(&Http1::once(server.address(), &keyed("/brief", "k", "")).await);
    let claims = store.calls(Verb::Claim);
    assert!((3..=16).contains(&claims), "{claims} claims in one second of waiting");
}

/// A request whose claim is sent, and whose answer nobody hears for now, since something blocks its
/// worker. Duplicates come to another worker of the process.
async fn behind_a_claim(path: &str) -> (Reply, Duration) {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::open());
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let [blocked, worker] = [gate.server(&idempotency), gate.server(&idempotency)];
    let (fault, unblock) = Fault::blocking();
    store.next(Verb::Claim, 1, fault);
    let request = keyed(path, "k", "");
    let first = sent(&blocked, &request).await;
    store.called(Verb::Claim, 1).await;
    let since = Instant::now();
    let duplicate = within(Http1::once(worker.address(), &request)).await;
    let waited = since.elapsed();
    drop(unblock);
    assert_eq!(answer(first).await.status, 201);
    assert_eq!((gate.effects(), store.calls(Verb::Claim)), (1, 1));
    (duplicate, waited)
}

#[tokio::test]
async fn a_duplicate_waits_no_longer_for_a_claim_than_for_an_execution() {
    let (duplicate, waited) = behind_a_claim("/brief").await;
    is_in_progress(&duplicate);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}

#[tokio::test]
async fn without_waiting_a_duplicate_waits_for_a_claim_no_longer_than_for_one_of_its_own() {
    let (duplicate, waited) = behind_a_claim("/impatient").await;
    is_in_progress(&duplicate);
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn the_time_that_a_duplicate_waits_for_a_claim_counts() {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::shut());
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = gate.server(&idempotency);
    let answers = Arc::new(Semaphore::new(0));
    store.next(Verb::Claim, 1, Fault::Hangs(Arc::clone(&answers)));
    let request = keyed("/brief", "k", "");
    let first = sent(&server, &request).await;
    store.called(Verb::Claim, 1).await;
    let since = Instant::now();
    let duplicate = sent(&server, &request).await;
    sleep(Duration::from_millis(600)).await;
    answers.add_permits(1);
    is_in_progress(&answer(duplicate).await);
    // A second in all, and not one for the claim and another for the execution.
    assert!(since.elapsed() < Duration::from_millis(1_500), "{:?}", since.elapsed());
    gate.let_one_through();
    assert_eq!(answer(first).await.status, 201);
}
