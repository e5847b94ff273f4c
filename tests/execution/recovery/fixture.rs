//! Nodes on one store, and the application that they ask.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{
    AbandonedExecution, Idempotency, IdempotencyBuilder, ManualClock, MemoryStore, Resolution,
};
use idempotent_tests::{
    Http1, Reply,
    scripted::{Script, Scripted, Verb},
};
use tokio::sync::mpsc;

use crate::gate::{Gate, keyed, within};

pub(super) const LEASE: Duration = Duration::from_secs(30);
/// Interval between two walks. Real time has to pass between them, and time of the store.
pub(super) const EVERY: Duration = Duration::from_millis(50);

/// Execution that an application was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) endpoint: String,
    pub(super) attempt: u32,
    pub(super) age: Option<Duration>,
    pub(super) key: String,
    pub(super) has_request: bool,
}

/// An application that says one thing, and tells of each time that it is asked.
#[derive(Clone)]
pub(super) struct Application {
    say: fn() -> Resolution,
    gate: Gate,
    tell: mpsc::UnboundedSender<Asked>,
}

impl Application {
    pub(super) fn says(say: fn() -> Resolution) -> (Application, mpsc::UnboundedReceiver<Asked>) {
        let (tell, asked) = mpsc::unbounded_channel();
        (Application { say, gate: Gate::open(), tell }, asked)
    }

    /// One that waits to be let through.
    pub(super) fn says_later(say: fn() -> Resolution) -> (Application, Gate, mpsc::UnboundedReceiver<Asked>) {
        let (application, asked) = Self::says(say);
        let gate = Gate::shut();
        (Application { gate: gate.clone(), ..application }, gate, asked)
    }

    pub(super) fn set(&self, builder: IdempotencyBuilder) -> IdempotencyBuilder {
        let it = self.clone();
        builder.reconcile(async move |abandoned: &AbandonedExecution| {
            let asked = Asked {
                endpoint: abandoned.endpoint().to_owned(),
                attempt: abandoned.attempt(),
                age: abandoned.age(),
                key: abandoned.derive_key("charge"),
                has_request: abandoned.request().is_some(),
            };
            it.tell.send(asked).unwrap();
            // It need not be `Send`.
            let not_send = std::rc::Rc::new(());
            it.gate.pass().await;
            drop(not_send);
            (it.say)()
        })
    }
}

pub(super) fn paid() -> Resolution {
    Resolution::Complete(HttpResponse::Created().body("it was paid"))
}

/// A store, and the clock by which its entries live.
pub(super) struct Cluster {
    pub(super) clock: ManualClock,
    pub(super) store: MemoryStore,
    /// Counts the calls of all nodes.
    pub(super) script: Script,
}

impl Cluster {
    pub(super) fn new() -> Cluster {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        Cluster { clock, store, script: Script::default() }
    }

    pub(super) fn builder(&self) -> IdempotencyBuilder {
        let store = Scripted::by(self.store.clone(), self.script.clone());
        Idempotency::builder().store(store).lease(LEASE)
    }

    /// A node that asks `application`.
    pub(super) fn node(&self, application: &Application) -> Idempotency {
        application.set(self.builder()).build().unwrap()
    }

    /// A node that nobody has told what to ask dies over this order.
    pub(super) async fn dies_over(&self, builder: IdempotencyBuilder, key: &str) {
        let gate = Gate::shut();
        let server = gate.server(&builder.build().unwrap());
        gate.dies_over(server, &order(key)).await;
    }

    pub(super) fn lease_runs_out(&self) {
        self.clock.advance(LEASE);
    }

    /// Waits until so many walks more have ended, each an interval after the one before.
    pub(super) async fn walks(&self, walks: usize) {
        for _ in 0..walks {
            self.clock.advance(EVERY);
            let before = self.script.calls(Verb::Stuck);
            self.script.called(Verb::Stuck, before + 1).await;
        }
    }
}

pub(super) fn order(key: &str) -> Vec<u8> {
    keyed("/impatient", key, "tea")
}

/// Reply of a node to a retry of this order, and the number of handlers that it ran.
pub(super) async fn retry(idempotency: &Idempotency, key: &str) -> (Reply, usize) {
    let gate = Gate::open();
    let server = gate.server(idempotency);
    let reply = within(Http1::once(server.address(), &order(key))).await;
    (reply, gate.effects())
}

/// Waits until no execution of this node runs: what it was told is done.
pub(super) async fn settled(idempotency: &Idempotency) {
    within(async {
        while idempotency.sample().running > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Execution that the application is asked about next.
pub(super) async fn next(asked: &mut mpsc::UnboundedReceiver<Asked>) -> Asked {
    within(asked.recv()).await.unwrap()
}
