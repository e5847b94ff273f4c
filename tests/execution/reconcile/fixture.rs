//! Processes on one store, whose applications say what their tests want.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{
    AbandonedExecution, Idempotency, IdempotencyBuilder, IdempotencyContext, ManualClock, MemoryStore,
    Resolution, idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer, scripted::Scripted};

use crate::gate::{Gate, keyed, within};

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Resolution that an application gives for an abandoned execution.
pub(super) type Say = fn(&AbandonedExecution) -> Resolution;

/// Application that decides upon abandoned executions. It counts the decisions, and holds them up.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) gate: Gate,
    pub(super) say: Say,
}

impl Fixture {
    pub(super) fn says(say: Say) -> Fixture {
        Fixture { gate: Gate::open(), say }
    }

    /// One that waits to be let through.
    pub(super) fn says_later(say: Say) -> Fixture {
        Fixture { gate: Gate::shut(), say }
    }

    /// Number of times that the application has been asked.
    pub(super) fn asked(&self) -> usize {
        self.gate.effects()
    }

    pub(super) fn set(&self, builder: IdempotencyBuilder) -> IdempotencyBuilder {
        let fixture = self.clone();
        builder.reconcile(async move |abandoned: &AbandonedExecution| {
            fixture.gate.pass().await;
            (fixture.say)(abandoned)
        })
    }
}

pub(super) struct Cluster {
    pub(super) clock: ManualClock,
    pub(super) store: MemoryStore,
}

/// A process, and what can be seen of it.
pub(super) struct Process {
    pub(super) server: TestServer,
    pub(super) store: Scripted,
    pub(super) idempotency: Idempotency,
    pub(super) gate: Gate,
    derived: Arc<AtomicUsize>,
}

impl Cluster {
    pub(super) fn new() -> Cluster {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        Cluster { clock, store }
    }

    /// A process whose application is not asked.
    pub(super) fn silent(&self, gate: Gate) -> Process {
        self.process_with(gate, |builder| builder)
    }

    pub(super) fn process(&self, fixture: &Fixture) -> Process {
        self.process_with(Gate::open(), |builder| fixture.set(builder))
    }

    pub(super) fn process_with(
        &self,
        gate: Gate,
        set: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder,
    ) -> Process {
        let store = Scripted::new(self.store.clone());
        let idempotency = set(Idempotency::builder().store(store.clone()).lease(LEASE)).build().unwrap();
        let derived = Arc::<AtomicUsize>::default();
        let (data, handlers, counted) = (idempotency.clone(), gate.clone(), Arc::clone(&derived));
        let server = TestServer::start(1, move |app| {
            app.app_data(data.clone())
                .app_data(web::Data::new(handlers.clone()))
                .app_data(web::Data::from(Arc::clone(&counted)))
                .service((refuse, rerun, success));
        });
        Process { server, store, idempotency, gate, derived }
    }

    /// A process dies while it runs this request, and its lease runs out.
    pub(super) async fn dies_running(&self, request: &[u8]) {
        let dying = self.silent(Gate::shut());
        let _connection = dying.begun(request).await;
        dying.gate.began().await;
        drop(dying.server);
        dying.gate.ended().await;
        self.clock.advance(LEASE);
    }
}

impl Process {
    pub(super) async fn ask(&self, request: &[u8]) -> Reply {
        within(Http1::once(self.server.address(), request)).await
    }

    pub(super) async fn begun(&self, request: &[u8]) -> Http1 {
        Http1::begin(self.server.address(), request).await
    }

    /// Key that a handler of this process derives from `key`.
    pub(super) async fn derives(&self, key: &str) -> String {
        self.derived.store(1, SeqCst);
        self.ask(&keyed("/rerun", key, "")).await.text().to_owned()
    }
}

pub(super) fn order(key: &str) -> Vec<u8> {
    keyed("/refuse", key, "tea")
}

async fn effect(gate: &Gate) -> HttpResponse {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/refuse")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn refuse(gate: web::Data<Gate>) -> impl Responder {
    effect(&gate).await
}

/// Answers with a derived key where a test wants one.
#[post("/rerun")]
#[idempotent(ttl = "24h", wait = "60s", abandoned = "rerun")]
async fn rerun(
    context: IdempotencyContext,
    gate: web::Data<Gate>,
    derived: web::Data<AtomicUsize>,
) -> impl Responder {
    match derived.load(SeqCst) {
        0 => effect(&gate).await,
        _ => HttpResponse::Ok().body(context.derive_key("charge")),
    }
}

#[post("/success")]
#[idempotent(ttl = "24h", wait = "60s", replay = "success")]
async fn success(gate: web::Data<Gate>) -> impl Responder {
    effect(&gate).await
}
