//! A service whose responses are as long as their requests ask for, and callers who use it.

use std::{convert::Infallible, time::Duration};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{
    CheckpointError, Idempotency, IdempotencyContext, ManualClock, MemoryStore, MemoryStoreBuilder,
    idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer};

use crate::gate::{Gate, keyed_by, within};

pub(super) const BUDGET: u64 = 100_000;
pub(super) const SHARE: u64 = BUDGET / 2;
/// Of a report.
pub(super) const BYTES: usize = 5_000;
/// Number of reports that a caller gets. The last begins within the caller's share and ends beyond
/// it.
pub(super) const REPORTS: usize = 10;
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A service, its store, and how time passes there.
pub(super) struct Service {
    pub(super) clock: ManualClock,
    pub(super) store: MemoryStore,
    pub(super) idempotency: Idempotency,
    pub(super) gate: Gate,
    pub(super) server: TestServer,
}

impl Service {
    /// With a small budget, and else as `set` says.
    pub(super) fn start(set: impl FnOnce(MemoryStoreBuilder) -> MemoryStoreBuilder) -> Service {
        let clock = ManualClock::new();
        let store = set(MemoryStore::builder().budget(BUDGET).clock(clock.clone())).build();
        let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
        let gate = Gate::shut();
        let server = serve(&idempotency, &gate);
        Service { clock, store, idempotency, gate, server }
    }

    pub(super) async fn caller(&self, name: &'static str) -> Caller {
        Caller::of(&self.server, name).await
    }
}

pub(super) fn serve(idempotency: &Idempotency, gate: &Gate) -> TestServer {
    let (idempotency, gate) = (idempotency.clone(), web::Data::new(gate.clone()));
    TestServer::start(2, move |app| {
        app.app_data(idempotency.clone()).app_data(gate.clone()).service((reports, gated, counted, in_steps));
    })
}

/// Somebody with credentials, on one connection.
pub(super) struct Caller {
    name: &'static str,
    connection: Http1,
}

impl Caller {
    pub(super) async fn of(server: &TestServer, name: &'static str) -> Caller {
        Caller { name, connection: Http1::open(server.address()).await }
    }

    pub(super) async fn post(&mut self, path: &str, key: &str, body: &str) -> Reply {
        within(self.connection.exchange(&keyed_by(self.name, path, key, body))).await
    }

    /// Asks for a report of this many bytes.
    pub(super) async fn report(&mut self, key: &str, bytes: usize) -> Reply {
        self.post("/reports", key, &bytes.to_string()).await
    }

    /// Asks for reports under new keys until one is refused. How many were not, and the refusal.
    pub(super) async fn fill(&mut self, name: &str) -> (usize, Reply) {
        for number in 0..1_000 {
            let reply = self.report(&format!("{name}-{number}"), BYTES).await;
            if reply.status != 201 {
                return (number, reply);
            }
        }
        panic!("never full")
    }
}

#[track_caller]
pub(super) fn is_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
    assert_eq!(reply.json()["retryable"], true);
}

/// Seconds that a refusal says to wait.
#[track_caller]
pub(super) fn wait_of(reply: &Reply) -> u64 {
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[post("/reports")]
#[idempotent]
async fn reports(bytes: String) -> impl Responder {
    HttpResponse::Created().body(vec![b'x'; bytes.parse().unwrap()])
}

#[post("/gated")]
#[idempotent]
async fn gated(bytes: String, gate: web::Data<Gate>) -> impl Responder {
    gate.pass().await;
    HttpResponse::Created().body(vec![b'x'; bytes.parse().unwrap()])
}

#[post("/counted/{id}")]
#[idempotent(scope = "global")]
async fn counted(_: web::Json<u64>) -> impl Responder {
    HttpResponse::Created()
}

/// Three steps, each with a result of this many bytes.
#[post("/in_steps")]
#[idempotent]
async fn in_steps(
    bytes: String,
    context: IdempotencyContext,
) -> Result<HttpResponse, CheckpointError<Infallible>> {
    let bytes = bytes.parse().unwrap();
    for step in ["one", "two", "three"] {
        context.checkpoint(step, async { Ok("x".repeat(bytes)) }).await?;
    }
    Ok(HttpResponse::Created().finish())
}
