//! A script that knows how each of its requests ends, and what the listener, the metrics and the
//! spans tell of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::HttpResponse;
use idempotent_runtime::{
    AbandonedExecution, Drained, IdempotencyBuilder, ManualClock, MemoryStore, Outcome, Resolution,
    StoreError, store::Claim,
};
use idempotent_tests::{
    Reply, TestServer, post,
    scripted::{Scripted, Verb},
};
use tokio::sync::Semaphore;
use tracing::level_filters::LevelFilter;

use super::{
    fixture::{Ears, Heard, asking, begin, open, send, serve_after},
    recorder::Recorder,
};
use crate::{
    gate::{Gate, keyed, within},
    spans::collector::{Collector, Fields},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Number of requests that ended in each way, by route.
pub(super) type Counts = BTreeMap<(String, &'static str), usize>;

/// The status, whether it is a replay, and the code.
type Answer<'a> = (u16, bool, &'a str);

/// Answer of a store to a claim.
type Says = fn() -> Result<Claim, StoreError>;

/// State of the script: what it has done so far, and who listens to it.
struct Script {
    ears: Ears,
    spans: Collector,
    known: Counts,
}

impl Script {
    fn begin() -> Script {
        let spans = Collector::looking_at(LevelFilter::DEBUG);
        Script { ears: Ears::open(), spans, known: Counts::new() }
    }

    fn serve(&self, builder: IdempotencyBuilder, gate: &Gate) -> TestServer {
        serve_after(self.spans.installer(), &builder.build().unwrap(), gate)
    }

    /// One more request to `route` ends so.
    fn knows(&mut self, route: &str, outcome: Outcome) {
        *self.known.entry((route.to_owned(), outcome.as_str())).or_default() += 1;
    }

    /// A POST of `body` with `key`, which gets this answer and so ends so.
    async fn post(
        &mut self,
        server: &TestServer,
        (path, key, body): (&str, &str, &str),
        answer: Answer<'_>,
        outcome: Outcome,
    ) {
        let reply = send(server, &keyed(path, key, body)).await;
        self.got(&reply, path, answer, outcome);
    }

    fn got(&mut self, reply: &Reply, path: &str, (status, replayed, code): Answer<'_>, outcome: Outcome) {
        assert_eq!(
            (reply.status, reply.is_replay(), reply.code().as_str()),
            (status, replayed, code),
            "{path}"
        );
        let route = if path.starts_with("/orders/") { "/orders/{id}" } else { path };
        self.knows(route, outcome);
    }

    /// Spans, as many as there are events, and those that come too much.
    async fn spans(&mut self, events: usize) -> Vec<Fields> {
        let mut spans = Vec::new();
        for _ in 0..events {
            spans.push(self.spans.closed().await);
        }
        spans.extend(self.spans.all_closed());
        spans.sort();
        spans
    }
}

fn counted(events: &[Heard]) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        *counts.entry((event.route.clone().unwrap(), event.outcome.as_str())).or_default() += 1;
    }
    counts
}

/// Fields that the span of this event's request has to have.
fn span(event: Heard) -> Fields {
    let seconds = |duration: Duration| format!("{:?}", duration.as_secs_f64());
    let asked = |duration: Duration| (!duration.is_zero()).then(|| seconds(duration));
    let fields = [
        ("handler", Some(event.handler.to_owned())),
        ("method", Some(event.method)),
        ("route", event.route),
        ("key", event.key),
        ("attempt", event.attempt.map(|attempt| attempt.to_string())),
        ("outcome", Some(event.outcome.as_str().to_owned())),
        ("code", event.code.map(|code| code.as_str().to_owned())),
        ("took_seconds", Some(seconds(event.took))),
        ("wait_seconds", asked(event.waited)),
        ("claim_seconds", asked(event.claim)),
        ("complete_seconds", asked(event.completion)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

const FIRST: Answer<'_> = (201, false, "");
const REPLAY: Answer<'_> = (201, true, "");

#[tokio::test]
async fn a_listener_the_metrics_and_the_spans_tell_of_every_request_of_a_script_once_and_how_it_ended() {
    let recorder = Recorder::of_this_process();
    let mut script = Script::begin();
    what_one_request_may_end_as(&mut script).await;
    keys_that_are_wrong(&mut script).await;
    bodies_that_are_wrong(&mut script).await;
    keys_that_expire(&mut script).await;
    requests_that_wait(&mut script).await;
    stores_that_refuse(&mut script).await;
    a_server_that_shuts_down(&mut script).await;
    a_claim_that_is_taken_over(&mut script).await;
    let heard = script.ears.all();
    assert_eq!(counted(&heard), script.known);
    assert_eq!(recorder.requests(), script.known);
    let waited = heard.iter().filter(|event| !event.waited.is_zero());
    assert_eq!(recorder.waits(), u64::try_from(waited.count()).unwrap());
    let mut expected: Vec<Fields> = heard.into_iter().map(span).collect();
    expected.sort();
    assert_eq!(script.spans(expected.len()).await, expected);
    for outcome in Outcome::ALL {
        let times = script.known.keys().filter(|(_, known)| *known == outcome.as_str()).count();
        assert!(times > 0, "{outcome:?} does not occur");
    }
}

async fn what_one_request_may_end_as(script: &mut Script) {
    let builder = script.ears.measuring().max_response_body(1000);
    let server = script.serve(builder, &Gate::open());
    for key in ["a", "b", "c"] {
        script.post(&server, ("/orders/1", key, ""), FIRST, Outcome::Executed).await;
    }
    for key in ["a", "a", "c"] {
        script.post(&server, ("/orders/1", key, ""), REPLAY, Outcome::Replayed).await;
    }
    script.post(&server, ("/optional", "k", ""), FIRST, Outcome::Executed).await;
    script.post(&server, ("/unsure", "k", ""), (500, false, ""), Outcome::Executed).await;
    script.post(&server, ("/unsure", "k", ""), (500, false, ""), Outcome::Executed).await;
    script.post(&server, ("/json", "k", "{"), (400, false, ""), Outcome::NeverBegan).await;
    script.post(&server, ("/panics", "k", ""), (500, false, ""), Outcome::Panicked).await;
    script.post(&server, ("/panics", "k", ""), (500, true, ""), Outcome::Replayed).await;
    script.post(&server, ("/long", "k", ""), FIRST, Outcome::NotStored).await;
    let refused = (409, false, "response_not_stored");
    script.post(&server, ("/long", "k", ""), refused, Outcome::ResponseNotStored).await;
    // A safe method is nobody's business.
    assert_eq!(send(&server, b"GET /either HTTP/1.1\r\nHost: test\r\n\r\n").await.status, 200);
}

async fn keys_that_are_wrong(script: &mut Script) {
    let asked = Arc::new(Semaphore::new(0));
    let server = script.serve(asking(script.ears.measuring(), &asked), &Gate::open());
    let reused = (409, false, "key_reused");
    script.post(&server, ("/orders/1", "a", "one"), FIRST, Outcome::Executed).await;
    script.post(&server, ("/orders/1", "a", "another"), reused, Outcome::KeyReused).await;
    script.post(&server, ("/orders/2", "a", "one"), reused, Outcome::KeyReused).await;
    let invalid = (400, false, "key_invalid");
    script.post(&server, ("/orders/1", "a,b", ""), invalid, Outcome::KeyInvalid).await;
    script.post(&server, ("/optional", "a,b", ""), invalid, Outcome::KeyInvalid).await;
    let reply = send(&server, &post("/orders/1", &[], b"")).await;
    script.got(&reply, "/orders/1", (400, false, "key_missing"), Outcome::KeyMissing);
    let reply = send(&server, &post("/optional", &[], b"")).await;
    script.got(&reply, "/optional", FIRST, Outcome::Unprotected);
    let reply = send(&server, &post("/either", &["x-nobody: 1", "Idempotency-Key: n"], b"")).await;
    script.got(&reply, "/either", (401, false, ""), Outcome::Rejected);
}

async fn bodies_that_are_wrong(script: &mut Script) {
    let limits = script.ears.measuring().max_request_body(10).body_timeout(Duration::from_millis(20));
    let server = script.serve(limits, &Gate::open());
    let long = ("/optional", "k", "more than ten");
    script.post(&server, long, (413, false, "body_too_large"), Outcome::BodyTooLarge).await;
    let head = b"POST /orders/1 HTTP/1.1\r\nHost: test\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\n";
    let reply = send(&server, head).await;
    script.got(&reply, "/orders/1", (408, false, "body_timeout"), Outcome::BodyTimeout);
}

async fn keys_that_expire(script: &mut Script) {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let remembers = script.ears.measuring().store(store).remember_expired_keys(DAY);
    let server = script.serve(remembers, &Gate::open());
    script.post(&server, ("/orders/1", "k", ""), FIRST, Outcome::Executed).await;
    clock.advance(DAY);
    let expired = (409, false, "key_expired");
    script.post(&server, ("/orders/1", "k", ""), expired, Outcome::KeyExpired).await;
}

async fn requests_that_wait(script: &mut Script) {
    let (gate, asked, store) = (Gate::shut(), Arc::new(Semaphore::new(0)), MemoryStore::new());
    let elsewhere = Scripted::new(store.clone());
    let here = script.serve(asking(script.ears.measuring().store(store), &asked), &gate);
    let there = script.serve(script.ears.measuring().store(elsewhere.clone()), &gate);
    let (patient, impatient) = (keyed("/gated", "k", ""), keyed("/impatient", "k", ""));
    let mut first = begin(&here, &gate, &patient).await;
    asked.acquire().await.unwrap().forget();
    let leaves = open(&here, &patient).await;
    within(asked.acquire()).await.unwrap().forget();
    leaves.reset();
    script.knows("/gated", Outcome::Left);
    let mut here_too = open(&here, &patient).await;
    within(asked.acquire()).await.unwrap().forget();
    let mut there_too = open(&there, &patient).await;
    elsewhere.called(Verb::Changed, 1).await;
    gate.let_one_through();
    script.got(&within(first.reply()).await.unwrap(), "/gated", FIRST, Outcome::Executed);
    script.got(&within(here_too.reply()).await.unwrap(), "/gated", REPLAY, Outcome::Joined);
    script.got(&within(there_too.reply()).await.unwrap(), "/gated", REPLAY, Outcome::Joined);
    let mut first = begin(&here, &gate, &impatient).await;
    let running = (409, false, "in_progress");
    script.post(&here, ("/impatient", "k", ""), running, Outcome::InProgress).await;
    script.post(&there, ("/impatient", "k", ""), running, Outcome::InProgress).await;
    gate.let_one_through();
    script.got(&within(first.reply()).await.unwrap(), "/impatient", FIRST, Outcome::Executed);
}

async fn stores_that_refuse(script: &mut Script) {
    let said: [(Says, Answer<'_>, Outcome); 5] = [
        (
            || Err(StoreError::unavailable("scripted", "down")),
            (503, false, "store_unavailable"),
            Outcome::StoreError,
        ),
        (|| Err(StoreError::full("scripted")), (503, false, "store_full"), Outcome::StoreError),
        (
            || Err(StoreError::TooManyKeys { store: "scripted", retry_after: Duration::from_secs(1) }),
            (429, false, "too_many_keys"),
            Outcome::TooManyKeys,
        ),
        (|| Ok(Claim::Abandoned), (409, false, "outcome_unknown"), Outcome::Abandoned),
        (|| Ok(Claim::Reused), (409, false, "key_reused"), Outcome::KeyReused),
    ];
    for (claim, answer, outcome) in said {
        let server = script.serve(script.ears.measuring().store(Scripted::saying(claim)), &Gate::open());
        script.post(&server, ("/either", "k", ""), answer, outcome).await;
    }
}

async fn a_server_that_shuts_down(script: &mut Script) {
    let idempotency = script.ears.measuring().build().unwrap();
    let server = serve_after(script.spans.installer(), &idempotency, &Gate::open());
    script.post(&server, ("/orders/1", "k", ""), FIRST, Outcome::Executed).await;
    assert_eq!(idempotency.drain(Duration::from_secs(5)).await, Drained::Complete);
    script.post(&server, ("/orders/1", "k", ""), REPLAY, Outcome::Replayed).await;
    let refused = (503, false, "shutting_down");
    script.post(&server, ("/orders/1", "new", ""), refused, Outcome::ShuttingDown).await;
}

/// One process takes over from another that only seemed to have died.
async fn a_claim_that_is_taken_over(script: &mut Script) {
    let (clock, gate) = (ManualClock::new(), Gate::shut());
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let process = || script.ears.measuring().store(store.clone());
    let zombie = script.serve(process(), &gate);
    let asked =
        async |_: &AbandonedExecution| Resolution::Complete(HttpResponse::Created().body("found out"));
    let heir = script.serve(process().reconcile(asked), &gate);
    let mut fenced = begin(&zombie, &gate, &keyed("/gated", "k", "")).await;
    clock.advance(Duration::from_secs(30));
    script.post(&heir, ("/gated", "k", ""), FIRST, Outcome::Reconciled).await;
    gate.let_one_through();
    let reply = within(fenced.reply()).await.unwrap();
    assert_eq!(reply.text(), "found out");
    script.got(&reply, "/gated", REPLAY, Outcome::Fenced);
}
