//! Parts that the modules share: a server that counts effects, and the calls that a store has got.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::web::{self, ServiceConfig};
use idempotent_runtime::Idempotency;
use idempotent_tests::{
    Connection, Reply, TestServer, post,
    scripted::{Scripted, Verb},
};

/// Number of runs of the handlers.
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

/// Asserts that two replies are the same response: status, body, and headers but the date and the
/// mark of a replay.
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

/// Verdict on a second request with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Replayed,
    Reused,
    New,
}

/// Verdict that the handler's 201, its replay or its refusal gives on a request.
pub(crate) fn is(reply: &Reply) -> Is {
    match (reply.status, &*reply.code(), reply.is_replay()) {
        (201, "", true) => Is::Replayed,
        (201, "", false) => Is::New,
        (409, "key_reused", false) => Is::Reused,
        _ => panic!("{reply:?}"),
    }
}

/// Calls to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) claims: usize,
    pub(crate) stored: usize,
    pub(crate) released: usize,
}

impl Calls {
    pub(crate) fn to(store: &Scripted) -> Calls {
        Calls {
            claims: store.calls(Verb::Claim),
            stored: store.calls(Verb::Complete),
            released: store.calls(Verb::Release),
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
