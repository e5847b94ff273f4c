//! A handler that says when it has begun and waits until it is let through.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Idempotency, idempotent};
use idempotent_tests::{Http1, TestServer, post};
use tokio::sync::Semaphore;

/// Counts the effects of a handler, and holds it up.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    effects: AtomicUsize,
    began: Semaphore,
    open: Semaphore,
    ended: Semaphore,
}

impl Gate {
    /// A gate that holds every handler up.
    pub(crate) fn shut() -> Gate {
        let inner = Inner {
            effects: AtomicUsize::new(0),
            began: Semaphore::new(0),
            open: Semaphore::new(0),
            ended: Semaphore::new(0),
        };
        Gate(Arc::new(inner))
    }

    /// A gate that lets every handler through.
    pub(crate) fn open() -> Gate {
        let gate = Gate::shut();
        gate.0.open.add_permits(1 << 20);
        gate
    }

    /// Lets one handler through.
    pub(crate) fn let_one_through(&self) {
        self.0.open.add_permits(1);
    }

    /// Waits until one more handler has begun.
    pub(crate) async fn began(&self) {
        within(self.0.began.acquire()).await.unwrap().forget();
    }

    /// Waits until one more handler has ended or was dropped.
    pub(crate) async fn ended(&self) {
        within(self.0.ended.acquire()).await.unwrap().forget();
    }

    /// Ends `server` while a handler of this gate answers `request`: its process dies over it.
    pub(crate) async fn dies_over(&self, server: TestServer, request: &[u8]) {
        let _connection = Http1::begin(server.address(), request).await;
        self.began().await;
        drop(server);
        self.ended().await;
    }

    /// Number of handlers that have begun.
    pub(crate) fn effects(&self) -> usize {
        self.0.effects.load(SeqCst)
    }

    /// Work of a handler: has its effect, and waits. Gives the number of the effect, counted from
    /// 1.
    pub(crate) async fn pass(&self) -> usize {
        struct Ended<'a>(&'a Gate);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.0.ended.add_permits(1);
            }
        }
        let number = self.0.effects.fetch_add(1, SeqCst) + 1;
        let _ended = Ended(self);
        self.0.began.add_permits(1);
        self.0.open.acquire().await.unwrap().forget();
        number
    }

    /// A server whose handlers pass this gate.
    pub(crate) fn server(&self, idempotency: &Idempotency) -> TestServer {
        self.server_after(|| {}, idempotency)
    }

    /// The same, whose worker does this first.
    pub(crate) fn server_after(
        &self,
        before: impl Fn() + Clone + Send + 'static,
        idempotency: &Idempotency,
    ) -> TestServer {
        let (gate, idempotency) = (self.clone(), idempotency.clone());
        TestServer::start(1, move |app| {
            before();
            app.app_data(idempotency.clone()).app_data(web::Data::new(gate.clone())).configure(Gate::routes);
        })
    }

    /// The handlers that pass the gate of their server.
    pub(crate) fn routes(app: &mut web::ServiceConfig) {
        app.service((patient, impatient, brief, rerun));
    }
}

/// Fails where something that should happen at once has not happened in a long time.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it happens in time")
}

/// A POST with this key.
pub(crate) fn keyed(path: &str, key: &str, body: &str) -> Vec<u8> {
    post(path, &[&format!("Idempotency-Key: {key}")], body.as_bytes())
}

/// The same for a caller who has credentials, and so has waiters' places apart from those of other
/// tests.
pub(crate) fn keyed_by(caller: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let headers = [format!("Authorization: {caller}"), format!("Idempotency-Key: {key}")];
    post(path, &headers.each_ref().map(String::as_str), body.as_bytes())
}

#[post("/patient")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn patient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/impatient")]
#[idempotent(ttl = "24h", wait = "0s")]
async fn impatient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/brief")]
#[idempotent(ttl = "24h", wait = "1s")]
async fn brief(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/rerun")]
#[idempotent(ttl = "24h", wait = "60s", abandoned = "rerun")]
async fn rerun(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}
