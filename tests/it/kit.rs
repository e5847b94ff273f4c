//! What the modules share: a server that counts effects, stores that count calls or say what they are told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::web::{self, ServiceConfig};
use idempotent_runtime::{
    Address, Idempotency, MemoryStore, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention},
};
use idempotent_tests::{Connection, Reply, TestServer, post};

/// How often a handler ran.
pub(crate) type Effects = web::Data<AtomicUsize>;

/// A server, and how often its handlers ran.
pub(crate) struct Served {
    server: TestServer,
    effects: Arc<AtomicUsize>,
}

/// Serves `routes` under `idempotency`, in one worker.
pub(crate) fn serve(
    idempotency: &Idempotency,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> Served {
    let idempotency = idempotency.clone();
    serve_bare(move |app| {
        app.app_data(idempotency.clone());
        routes(app);
    })
}

/// Serves `routes` under whatever they register themselves.
pub(crate) fn serve_bare(routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Served {
    let effects = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&effects);
    let server = TestServer::start(1, move |app| {
        app.app_data(web::Data::from(Arc::clone(&counted)));
        routes(app);
    });
    Served { server, effects }
}

impl Served {
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.server.address())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Sends bytes on a connection of their own and reads the response.
    pub(crate) fn send(&self, request: &[u8]) -> Reply {
        self.connect().exchange(request)
    }

    /// Posts `body` with these header lines.
    pub(crate) fn post(&self, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        self.send(&post(path, headers, body))
    }

    pub(crate) fn effects(&self) -> usize {
        self.effects.load(SeqCst)
    }

    /// Waits until handlers ran that often.
    pub(crate) fn until_effects(&self, count: usize) {
        while self.effects() < count {
            std::thread::yield_now();
        }
    }
}

/// Two replies are the same response: status, body, and headers but the date and the mark of a replay.
pub(crate) fn assert_replayed(first: &Reply, again: &Reply) {
    let headers = |reply: &Reply| {
        let mut headers = reply.headers.clone();
        headers.retain(|(name, _)| name != "date" && name != "idempotent-replayed");
        // Stable: values of one name keep their order.
        headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        headers
    };
    assert!(!first.is_replay() && again.is_replay(), "{first:?}\n{again:?}");
    assert_eq!(first.status, again.status);
    assert_eq!(first.body, again.body);
    assert_eq!(headers(first), headers(again));
}

/// A memory store that counts what it is asked.
#[derive(Clone, Default)]
pub(crate) struct Counting {
    store: MemoryStore,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    claims: AtomicUsize,
    stored: AtomicUsize,
    released: AtomicUsize,
}

/// Calls to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) claims: usize,
    pub(crate) stored: usize,
    pub(crate) released: usize,
}

impl Counting {
    pub(crate) fn calls(&self) -> Calls {
        Calls {
            claims: self.counts.claims.load(SeqCst),
            stored: self.counts.stored.load(SeqCst),
            released: self.counts.released.load(SeqCst),
        }
    }
}

impl std::ops::Sub for Calls {
    type Output = Calls;

    fn sub(self, earlier: Calls) -> Calls {
        Calls {
            claims: self.claims - earlier.claims,
            stored: self.stored - earlier.stored,
            released: self.released - earlier.released,
        }
    }
}

impl Store for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.counts.claims.fetch_add(1, SeqCst);
        self.store.claim(request).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.store.renew(hold, lease).await
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        self.counts.stored.fetch_add(1, SeqCst);
        self.store.complete(hold, record, retention).await
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.counts.released.fetch_add(1, SeqCst);
        self.store.release(hold).await
    }

    async fn changed(&self, address: Address) {
        self.store.changed(address).await;
    }
}

/// A store that answers every claim in one way.
pub(crate) struct Scripted(pub(crate) fn() -> Result<Claim, StoreError>);

impl Store for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Claim, StoreError> {
        (self.0)()
    }

    async fn renew(&self, _: Hold, _: Duration) -> Result<Renewal, StoreError> {
        Ok(Renewal::Renewed)
    }

    async fn complete(&self, _: Hold, _: Record, _: Retention) -> Result<Completion, StoreError> {
        Ok(Completion::Stored)
    }

    async fn release(&self, _: Hold) -> Result<(), StoreError> {
        Ok(())
    }

    async fn changed(&self, _: Address) {
        std::future::pending().await
    }
}
