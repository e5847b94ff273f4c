//! Processes on one store, and what their operators do.

use std::time::Duration;

use actix_web::{HttpResponse, Responder, http::Method, post, web};
use idempotent_runtime::{
    Entry, EntryName, EntryRef, Forgotten, Idempotency, IdempotencyBuilder, IdempotencyContext, Resolution,
    ResolveError, Resolved, idempotent,
};
use idempotent_tests::{
    Http1, Reply, TestServer,
    scripted::{Script, Scripted},
};

use super::fixture::Fixture;
use crate::gate::{Gate, keyed, within};

/// So long that no lease is renewed while a test runs.
pub(super) const LEASE: Duration = Duration::from_secs(600);

/// A process, and what can be seen of it.
pub(super) struct Process {
    pub(super) server: TestServer,
    pub(super) idempotency: Idempotency,
    pub(super) store: Script,
    pub(super) gate: Gate,
}

impl Process {
    pub(super) async fn on(fixture: &impl Fixture, gate: Gate) -> Process {
        Self::with(fixture, gate, |builder| builder).await
    }

    /// A process whose handlers all pass.
    pub(super) async fn open(fixture: &impl Fixture) -> Process {
        Self::on(fixture, Gate::open()).await
    }

    pub(super) async fn with(
        fixture: &impl Fixture,
        gate: Gate,
        set: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder,
    ) -> Process {
        let store = Script::default();
        let scripted = Scripted::by(fixture.store().await, store.clone());
        let idempotency = set(Idempotency::builder().lease(LEASE)).store(scripted).build().unwrap();
        let (data, handlers) = (idempotency.clone(), gate.clone());
        let server = TestServer::start(1, move |app| {
            app.app_data(data.clone())
                .app_data(web::Data::new(handlers.clone()))
                .service((orders, repeatable, streams));
        });
        Process { server, idempotency, store, gate }
    }

    pub(super) async fn ask(&self, request: &[u8]) -> Reply {
        within(Http1::once(self.server.address(), request)).await
    }

    pub(super) async fn begun(&self, request: &[u8]) -> Http1 {
        Http1::begin(self.server.address(), request).await
    }

    pub(super) async fn resolve(&self, entry: &EntryName, resolution: Resolution) -> Resolved {
        self.try_resolve(entry, resolution).await.unwrap()
    }

    pub(super) async fn try_resolve(
        &self,
        entry: &EntryName,
        resolution: Resolution,
    ) -> Result<Resolved, ResolveError> {
        within(self.idempotency.resolve(entry, resolution)).await
    }

    /// Entry as an operator sees it, if there is one.
    pub(super) async fn look<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Option<Entry> {
        within(self.idempotency.inspect(entry)).await.unwrap()
    }

    /// Entry as an operator sees it.
    pub(super) async fn seen<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Entry {
        self.look(entry).await.unwrap()
    }

    /// Forgets an entry as it is now, if there is one.
    pub(super) async fn forget<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Forgotten {
        match self.look(entry).await {
            None => Forgotten::NotFound,
            Some(entry) => self.forget_seen(&entry).await,
        }
    }

    /// Forgets an entry as it was seen.
    pub(super) async fn forget_seen(&self, entry: &Entry) -> Forgotten {
        within(self.idempotency.forget(entry.address, entry.version)).await.unwrap()
    }
}

/// State of a dead execution: whether somebody has been told that it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Died {
    Seen,
    Unseen,
}

pub(super) const EITHER_WAY: [Died; 2] = [Died::Seen, Died::Unseen];

/// A process dies while it runs this request, and its lease runs out.
pub(super) async fn dies_running(fixture: &impl Fixture, request: &[u8], died: Died) {
    let dying = Process::on(fixture, Gate::shut()).await;
    let _connection = dying.begun(request).await;
    dying.gate.began().await;
    drop(dying.server);
    dying.gate.ended().await;
    fixture.pass(LEASE).await;
    if died == Died::Seen {
        is_unknown(&Process::open(fixture).await.ask(request).await);
    }
}

#[track_caller]
pub(super) fn is_unknown(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{reply:?}");
    assert!(!reply.is_replay(), "{reply:?}");
}

/// Asserts the handler's answer at its first attempt of a process.
#[track_caller]
pub(super) fn has_run(reply: &Reply, is_replay: bool) {
    let found = (reply.status, reply.is_replay(), reply.text());
    assert_eq!(found, (201, is_replay, "effect 1, attempt 1"), "{reply:?}");
}

const PAID: &[u8] = b"{\"paid\":\xff\x00}";

/// Resolution with a response that an operator has found out.
pub(super) fn paid() -> Resolution {
    let response = HttpResponse::Accepted()
        .append_header(("Link", "</charges/1>; rel=self"))
        .append_header(("Link", "</charges>; rel=up"))
        .insert_header(("Set-Cookie", "operator=me"))
        .body(PAID);
    Resolution::Complete(response)
}

/// Asserts the response that was found out, byte for byte.
#[track_caller]
pub(super) fn is_paid(reply: &Reply) {
    assert_eq!((reply.status, reply.is_replay(), &reply.body[..]), (202, true, PAID), "{reply:?}");
    let links = reply.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str());
    assert_eq!(links.collect::<Vec<_>>(), ["</charges/1>; rel=self", "</charges>; rel=up"]);
    assert_eq!(reply.header("set-cookie"), None);
}

/// A request with this key, and the name of its entry.
pub(super) fn order(key: &str) -> (Vec<u8>, EntryName) {
    (keyed("/orders", key, "tea"), EntryName::endpoint(Method::POST, "/orders", key))
}

/// The same for a handler that is run again when it has died.
pub(super) fn repeatable_order(key: &str) -> (Vec<u8>, EntryName) {
    (keyed("/repeatable", key, "tea"), EntryName::endpoint(Method::POST, "/repeatable", key))
}

async fn effect(gate: &Gate, context: &IdempotencyContext) -> HttpResponse {
    let text = format!("effect {}, attempt {}", gate.pass().await, context.attempt());
    HttpResponse::Created().body(text)
}

#[post("/orders")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn orders(gate: web::Data<Gate>, context: IdempotencyContext) -> impl Responder {
    effect(&gate, &context).await
}

#[post("/repeatable")]
#[idempotent(ttl = "24h", wait = "60s", abandoned = "rerun")]
async fn repeatable(gate: web::Data<Gate>, context: IdempotencyContext) -> impl Responder {
    effect(&gate, &context).await
}

#[post("/streams")]
#[idempotent(ttl = "24h")]
async fn streams(gate: web::Data<Gate>) -> impl Responder {
    gate.pass().await;
    HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n")
}
