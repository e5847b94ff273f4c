//! A handler of three parts: what comes before its step, the step, and the rest; each is a gate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, ResponseError, http::StatusCode, post, rt, web};
use idempotent_runtime::{
    CheckpointError, CheckpointFailure, Idempotency, IdempotencyContext, ManualClock, MemoryStore, idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer, scripted::Scripted};

use crate::gate::{Gate, keyed, within};

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Gates and faults that the handlers of one process go through.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) before: Gate,
    pub(super) step: Gate,
    pub(super) rest: Gate,
    failures: Arc<AtomicUsize>,
}

impl Fixture {
    /// One that holds nobody up.
    pub(super) fn open() -> Fixture {
        Fixture { before: Gate::open(), step: Gate::open(), rest: Gate::open(), failures: Arc::default() }
    }

    /// One that holds everybody up, everywhere.
    pub(super) fn shut() -> Fixture {
        Fixture { before: Gate::shut(), step: Gate::shut(), rest: Gate::shut(), ..Fixture::open() }
    }

    pub(super) fn before_shut() -> Fixture {
        Fixture { before: Gate::shut(), ..Fixture::open() }
    }

    pub(super) fn step_shut() -> Fixture {
        Fixture { step: Gate::shut(), ..Fixture::open() }
    }

    pub(super) fn rest_shut() -> Fixture {
        Fixture { rest: Gate::shut(), ..Fixture::open() }
    }

    /// The next `times` things that may fail do.
    pub(super) fn fails(&self, times: usize) {
        self.failures.store(times, SeqCst);
    }

    /// True where this thing fails. Each call uses up one failure.
    fn is_failure(&self) -> bool {
        self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    /// A process of its own, with these settings.
    pub(super) fn server(&self, idempotency: &Idempotency) -> TestServer {
        let (fixture, idempotency) = (web::Data::new(self.clone()), idempotency.clone());
        TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).app_data(fixture.clone()).service((
                charge,
                fallible,
                left_behind,
                given_up,
                too_late,
                of_a_minute,
            ));
        })
    }
}

/// Processes on one store.
pub(super) struct Cluster {
    pub(super) clock: ManualClock,
    store: MemoryStore,
}

impl Cluster {
    pub(super) fn new() -> Cluster {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        Cluster { clock, store }
    }

    /// A handle on the store itself, for an operator.
    pub(super) fn operator(&self) -> Idempotency {
        Idempotency::builder().store(self.store.clone()).lease(LEASE).build().unwrap()
    }

    /// Another process, and what it does to the store.
    pub(super) fn process(&self, fixture: &Fixture) -> (TestServer, Scripted) {
        let store = Scripted::new(self.store.clone());
        let idempotency = Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
        (fixture.server(&idempotency), store)
    }
}

pub(super) async fn begun(server: &TestServer, request: &[u8]) -> Http1 {
    Http1::begin(server.address(), request).await
}

pub(super) async fn ask(server: &TestServer, request: &[u8]) -> Reply {
    within(Http1::once(server.address(), request)).await
}

/// A process dies behind the step of this request.
pub(super) async fn dies_behind_its_step(cluster: &Cluster, request: &[u8]) {
    let fixture = Fixture::rest_shut();
    let (server, _) = cluster.process(&fixture);
    let _connection = begun(&server, request).await;
    fixture.rest.began().await;
    drop(server);
    fixture.rest.ended().await;
}

/// A process dies in the step of this request. Gives what it had done.
pub(super) async fn dies_in_its_step(cluster: &Cluster, request: &[u8]) -> Fixture {
    let fixture = Fixture::step_shut();
    let (server, _) = cluster.process(&fixture);
    let _connection = begun(&server, request).await;
    fixture.step.began().await;
    drop(server);
    fixture.step.ended().await;
    fixture
}

pub(super) fn charge_of(key: &str) -> Vec<u8> {
    keyed("/charge", key, "")
}

/// Error of a step.
#[derive(Debug)]
pub(super) struct Declined;

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("declined")
    }
}

impl ResponseError for Declined {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_GATEWAY
    }
}

type Charged = Result<HttpResponse, CheckpointError<Declined>>;

async fn charged(context: &IdempotencyContext, fixture: &Fixture) -> Charged {
    fixture.before.pass().await;
    let number: usize = context.checkpoint("charge", async { Ok(fixture.step.pass().await) }).await?;
    fixture.rest.pass().await;
    if fixture.is_failure() {
        return Ok(HttpResponse::InternalServerError().finish());
    }
    Ok(HttpResponse::Created().body(format!("charge {number}, attempt {}", context.attempt())))
}

#[post("/charge")]
#[idempotent(ttl = "24h", wait = "60s", abandoned = "rerun", replay = "final")]
async fn charge(context: IdempotencyContext, fixture: web::Data<Fixture>) -> Charged {
    charged(&context, &fixture).await
}

#[post("/minute")]
#[allow(deprecated)]
#[idempotent(ttl = "1m", abandoned = "rerun", replay = "final")]
async fn of_a_minute(context: IdempotencyContext, fixture: web::Data<Fixture>) -> Charged {
    charged(&context, &fixture).await
}

/// Its step fails as its body says, or has its effect.
#[post("/fallible")]
#[idempotent(ttl = "24h", replay = "final")]
async fn fallible(how: String, context: IdempotencyContext, fixture: web::Data<Fixture>) -> Charged {
    let step = async {
        let number = fixture.step.pass().await;
        match (fixture.is_failure(), how.as_str()) {
            (false, _) => Ok(number),
            (true, "panic") => panic!("a step's mistake"),
            (true, _) => Err(Declined),
        }
    };
    let number = context.checkpoint("charge", step).await?;
    Ok(HttpResponse::Created().body(format!("charge {number}")))
}

/// Answers 500 while its step still runs, if it is to fail.
#[post("/left_behind")]
#[idempotent(ttl = "24h", wait = "60s", replay = "final")]
async fn left_behind(context: IdempotencyContext, fixture: web::Data<Fixture>) -> Charged {
    let (of_step, fails) = (fixture.clone(), fixture.is_failure());
    let step = async move { Ok(of_step.step.pass().await) };
    let charging = rt::spawn(async move { context.checkpoint::<usize, Declined>("charge", step).await });
    if fails {
        fixture.step.began().await;
        return Ok(HttpResponse::InternalServerError().finish());
    }
    let number = charging.await.unwrap()?;
    Ok(HttpResponse::Created().body(format!("charge {number}")))
}

/// Gives its step up when the rest has been passed, if it is to fail.
#[post("/given_up")]
#[idempotent(ttl = "24h", replay = "final")]
async fn given_up(context: IdempotencyContext, fixture: web::Data<Fixture>) -> Charged {
    fixture.before.pass().await;
    let step = context.checkpoint("charge", async { Ok(fixture.step.pass().await) });
    if fixture.is_failure() {
        tokio::select! {
            charged = step => assert!(charged.is_err(), "given up"),
            _ = fixture.rest.pass() => {}
        }
        return Ok(HttpResponse::InternalServerError().finish());
    }
    Ok(HttpResponse::Created().body(format!("charge {}", step.await?)))
}

/// Answers at once; what it leaves behind comes to its step later.
#[post("/too_late")]
#[idempotent(ttl = "24h")]
async fn too_late(context: IdempotencyContext, fixture: web::Data<Fixture>) -> HttpResponse {
    rt::spawn(async move {
        fixture.before.pass().await;
        let step = async { Ok::<_, Declined>(fixture.step.pass().await) };
        let Err(CheckpointError::Failed(failure)) = context.checkpoint("charge", step).await else {
            panic!("a step began");
        };
        assert!(matches!(failure, CheckpointFailure::Fenced), "{failure}");
        fixture.rest.pass().await;
    });
    HttpResponse::Created().finish()
}
