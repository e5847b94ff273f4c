//! Executions whose place is dropped: by a disconnect, by a middleware, by whoever polls them.

use std::{sync::Arc, time::Duration};

use actix_web::{
    App, Error, HttpResponse, Responder,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::ErrorGatewayTimeout,
    middleware::{Next, from_fn},
    post, test, web,
};
use futures_util::future::select;
use idempotent_runtime::{Idempotency, MemoryStore, idempotent};
use idempotent_tests::{Http1, TestServer, scripted::Scripted};
use tokio::{sync::Semaphore, time::timeout};

use crate::gate::{Gate, keyed, within};

tokio::task_local! {
    static TENANT: &'static str;
}

fn tenant() -> &'static str {
    TENANT.try_with(|tenant| *tenant).unwrap_or("nobody")
}

#[post("/tenant")]
#[idempotent(wait = "60s")]
async fn of_tenant(gate: web::Data<Gate>) -> impl Responder {
    let before = tenant();
    gate.pass().await;
    HttpResponse::Created().body(format!("{before} {}", tenant()))
}

/// Way in which the middleware leaves the request that it has passed on.
#[derive(Clone, Copy)]
enum Leaving {
    /// It does not.
    Never,
    /// It answers by itself as soon as it may.
    Answers,
    /// It panics as soon as it may.
    Panics,
}

struct Around {
    leaving: Leaving,
    leave: Arc<Semaphore>,
    left: Arc<Semaphore>,
}

struct Left(Arc<Semaphore>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn around(
    around: web::Data<Around>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _left = Left(Arc::clone(&around.left));
    let response = TENANT.scope("acme", next.call(request));
    let leave = async {
        around.leave.acquire().await.unwrap().forget();
    };
    let response = std::pin::pin!(response);
    match select(response, std::pin::pin!(leave)).await {
        futures_util::future::Either::Left((response, _)) => response,
        futures_util::future::Either::Right(_) => match around.leaving {
            Leaving::Panics => panic!("a middleware's mistake"),
            Leaving::Answers | Leaving::Never => Err(ErrorGatewayTimeout("took too long")),
        },
    }
}

struct Setup {
    gate: Gate,
    leave: Arc<Semaphore>,
    left: Arc<Semaphore>,
    server: TestServer,
}

/// A server behind a middleware that leaves once, on a store that answers at once or is waited for.
fn behind(leaving: Leaving, idempotency: Idempotency) -> Setup {
    let (gate, leave, left) = (Gate::shut(), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let data = (gate.clone(), Arc::clone(&leave), Arc::clone(&left));
    let server = TestServer::start(1, move |app| {
        let (gate, leave, left) = data.clone();
        app.app_data(idempotency.clone())
            .app_data(web::Data::new(gate))
            .app_data(web::Data::new(Around { leaving, leave, left }))
            .service(web::scope("").wrap(from_fn(around)).service(of_tenant));
    });
    Setup { gate, leave, left, server }
}

fn handles() -> [Idempotency; 2] {
    let waited_for = Scripted::new(MemoryStore::new());
    let in_memory = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    [in_memory, Idempotency::builder().store(waited_for).build().unwrap()]
}

/// The request has begun, its place is gone, and it goes on.
async fn goes_on(it: &Setup, request: &[u8]) {
    within(it.left.acquire()).await.unwrap().forget();
    it.gate.let_one_through();
    let retry = within(Http1::once(it.server.address(), request)).await;
    assert_eq!((retry.status, retry.is_replay()), (201, true), "{retry:?}");
    // What the middleware had put around it stayed where it was.
    assert_eq!(retry.text(), "acme nobody");
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn an_execution_whose_connection_is_reset_runs_to_its_end() {
    for idempotency in handles() {
        let it = behind(Leaving::Never, idempotency);
        let request = keyed("/tenant", "k", "");
        let connection = Http1::begin(it.server.address(), &request).await;
        it.gate.began().await;
        connection.reset();
        goes_on(&it, &request).await;
    }
}

#[tokio::test]
async fn an_execution_that_a_middleware_does_not_wait_for_runs_to_its_end() {
    for idempotency in handles() {
        let it = behind(Leaving::Answers, idempotency);
        let request = keyed("/tenant", "k", "");
        let mut connection = Http1::begin(it.server.address(), &request).await;
        it.gate.began().await;
        it.leave.add_permits(1);
        assert_eq!(within(connection.reply()).await.unwrap().status, 504);
        goes_on(&it, &request).await;
    }
}

#[tokio::test]
async fn an_execution_whose_middleware_panics_runs_to_its_end() {
    for idempotency in handles() {
        let it = behind(Leaving::Panics, idempotency);
        let request = keyed("/tenant", "k", "");
        let _connection = Http1::begin(it.server.address(), &request).await;
        it.gate.began().await;
        it.leave.add_permits(1);
        goes_on(&it, &request).await;
    }
}

#[post("/impatient")]
#[idempotent(wait = "0s")]
async fn impatient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

/// A request to a service that no worker of actix polls.
fn called() -> actix_http::Request {
    test::TestRequest::post().uri("/impatient").insert_header(("Idempotency-Key", "k")).to_request()
}

#[tokio::test]
async fn an_execution_that_nobody_drops_needs_no_worker_of_actix() {
    for idempotency in handles() {
        let gate = Gate::shut();
        let app = App::new().app_data(idempotency).app_data(web::Data::new(gate.clone())).service(impatient);
        let app = test::init_service(app).await;
        let let_through = async {
            gate.began().await;
            gate.let_one_through();
        };
        let (response, ()) = tokio::join!(test::call_service(&app, called()), let_through);
        assert_eq!(response.status(), 201);
    }
}

#[tokio::test]
async fn an_execution_that_is_dropped_where_it_cannot_go_on_is_left_to_its_lease() {
    for idempotency in handles() {
        let gate = Gate::shut();
        let app = App::new().app_data(idempotency).app_data(web::Data::new(gate.clone())).service(impatient);
        let app = test::init_service(app).await;
        let dropped = timeout(Duration::from_millis(50), test::call_service(&app, called())).await;
        assert!(dropped.is_err());
        gate.ended().await;
        let retry = test::call_service(&app, called()).await;
        assert_eq!(retry.status(), 409);
        assert_eq!(gate.effects(), 1);
    }
}
