//! A shop with its admin scope and its console. Every secret contains the word `secret`.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    guard::{Guard, fn_guard},
    http::header::AUTHORIZATION,
    post, web,
};
use idempotent_runtime::{
    Idempotency, ManualClock, MemoryStore, Once, Principal,
    admin::{admin_scope, console},
    idempotent,
};
use idempotent_tests::{Connection, Reply, TestServer, post};

const LEASE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(20);

/// Token of the shop's operators, until it is replaced.
pub(super) const TOKEN: &str = "secret-token";

/// A name that is a script where somebody takes it for HTML.
pub(super) const HOSTILE: &str = "/<img src=x onerror=window.ran=1>";

/// A route as long as routes become.
const LONG: &str = "/v1/organisations/{organisation_id}/projects/{project_identifier}/environments/{environment}/deployments";

pub(super) struct Shop {
    server: TestServer,
    clock: ManualClock,
    store: MemoryStore,
    token: Arc<Mutex<String>>,
}

/// Settings of the shop's processes.
fn settings(store: &MemoryStore) -> Idempotency {
    let by_customer = |request: &HttpRequest| {
        let customer = request.headers().get("x-customer").map_or(&b""[..], |customer| customer.as_bytes());
        Ok(Principal::new(customer))
    };
    Idempotency::builder().store(store.clone()).lease(LEASE).principal(by_customer).build().unwrap()
}

impl Shop {
    /// A shop in which these orders have died.
    pub(super) fn with_stuck(keys: &[&str]) -> Shop {
        Self::with_stuck_at("/orders", keys)
    }

    /// A shop in which requests to this path have died, with these keys.
    pub(super) fn with_stuck_at(path: &str, keys: &[&str]) -> Shop {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        let token = Arc::new(Mutex::new(TOKEN.to_owned()));
        if !keys.is_empty() {
            die_running(&store, &token, path, keys);
            clock.advance(LEASE + Duration::from_secs(14 * 60));
        }
        Shop { server: serve(&store, &token, &Held::nobody()), clock, store, token }
    }

    /// More requests die, in another process.
    pub(super) fn more_die(&self, path: &str, keys: &[&str]) {
        die_running(&self.store, &self.token, path, keys);
        self.clock.advance(LEASE + Duration::from_secs(95));
    }

    /// Address of the console.
    pub(super) fn console(&self) -> String {
        format!("{}/idempotency/console", self.origin())
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// From now on operators have another token.
    pub(super) fn replace_token(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap());
    }

    pub(super) fn send(&self, request: &[u8]) -> Reply {
        Connection::open(self.server.address()).exchange(request)
    }

    /// Does something once, for which there is no request.
    pub(super) async fn once(&self, operation: &str, key: &str) {
        let once = settings(&self.store).once(operation, key).run(async |_| Ok::<_, Infallible>(1)).await;
        assert!(matches!(once, Ok(Once::Ran(1))), "{once:?}");
    }

    /// Reply to an order.
    pub(super) fn order(&self, key: &str) -> Reply {
        self.send(&request("/orders", key, "secret tea"))
    }
}

/// A request by a customer.
pub(super) fn request(path: &str, key: &str, body: &str) -> Vec<u8> {
    post(path, &[&format!("Idempotency-Key: {key}"), "X-Customer: secret person"], body.as_bytes())
}

/// A process gets these requests, and dies while they run.
fn die_running(store: &MemoryStore, token: &Arc<Mutex<String>>, path: &str, keys: &[&str]) {
    let (held, begun, ended) = Held::new();
    let server = serve(store, token, &held);
    let connections: Vec<Connection> = keys
        .iter()
        .map(|key| {
            let mut connection = Connection::open(server.address());
            connection.send(&request(path, key, "held"));
            connection
        })
        .collect();
    keys.iter().for_each(|_| begun.recv_timeout(TIMEOUT).unwrap());
    drop(server);
    keys.iter().for_each(|_| ended.recv_timeout(TIMEOUT).unwrap());
    drop(connections);
}

fn serve(store: &MemoryStore, token: &Arc<Mutex<String>>, held: &Held) -> TestServer {
    let (idempotency, token, held) = (settings(store), Arc::clone(token), held.clone());
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::new(held.clone()))
            .service(create_order)
            .service(web::resource(HOSTILE).route(web::post().to(deploy)))
            .service(web::resource(LONG).route(web::post().to(deploy)))
            .service(admin_scope(knows(&token)))
            .service(console());
    })
}

/// Guard that admits who knows the token.
fn knows(token: &Arc<Mutex<String>>) -> impl Guard + use<> {
    let token = Arc::clone(token);
    fn_guard(move |request| {
        let credentials = format!("Bearer {}", token.lock().unwrap());
        request.head().headers().get(AUTHORIZATION).is_some_and(|sent| *sent == credentials)
    })
}

#[post("/orders")]
#[idempotent]
async fn create_order(body: String, held: web::Data<Held>) -> impl Responder {
    held.run(&body).await
}

#[idempotent]
async fn deploy(body: String, held: web::Data<Held>) -> impl Responder {
    held.run(&body).await
}

/// Channels that say when a handler has begun and when it has ended.
#[derive(Clone)]
struct Held {
    begun: Sender<()>,
    ended: Sender<()>,
}

impl Held {
    fn new() -> (Held, Receiver<()>, Receiver<()>) {
        let ((begun, has_begun), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
        (Held { begun, ended }, has_begun, has_ended)
    }

    fn nobody() -> Held {
        Held::new().0
    }

    /// Work of a handler, which is held for ever if its body says so.
    async fn run(&self, body: &str) -> HttpResponse {
        struct Ends(Sender<()>);
        impl Drop for Ends {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let _ends = Ends(self.ended.clone());
        if body == "held" {
            let _ = self.begun.send(());
            pending::<()>().await;
        }
        HttpResponse::Created().body("secret order")
    }
}
