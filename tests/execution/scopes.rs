//! Executions below a middleware: they are what a handler's are.

use std::sync::{Arc, Mutex};

use actix_web::{
    HttpResponse, Responder,
    middleware::{DefaultHeaders, from_fn},
    web,
};
use futures_util::future::join_all;
use idempotent_runtime::{
    Abandoned, AbandonedExecution, Event, Idempotency, Idempotent, IdempotentTx, MemoryStore, Outcome,
    Resolution, SqliteStore, idempotent,
};
use idempotent_tests::{
    Http1, Scratch, TestServer, fresh,
    scripted::{Fault, Scripted, Verb},
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tokio::task::yield_now;

use crate::{
    abandoned::Cluster,
    gate::{Gate, keyed, within},
};

async fn passes(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

async fn panics(gate: web::Data<Gate>) -> HttpResponse {
    gate.pass().await;
    yield_now().await;
    panic!("secret of the handler");
}

#[idempotent(transaction)]
async fn transacted(_: IdempotentTx<sqlx::Sqlite>, gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

/// Routes below `/v1`, which `idempotent` covers; what is outside and inside of it defers its work.
fn serve(workers: usize, idempotency: &Idempotency, gate: &Gate, idempotent: &Idempotent) -> TestServer {
    let (idempotency, idempotent) = (idempotency.clone(), idempotent.clone());
    let gate = web::Data::new(gate.clone());
    TestServer::start(workers, move |app| {
        let later = from_fn(async |request, next: actix_web::middleware::Next<_>| {
            yield_now().await;
            next.call(request).await
        });
        let scope = web::scope("/v1")
            .wrap(later)
            .wrap(idempotent.clone())
            .wrap(DefaultHeaders::new().add(("x-outside", "1")))
            .route("/orders/{id}", web::post().to(passes))
            .route("/panics", web::post().to(panics))
            .route("/transacted", web::post().to(transacted));
        app.app_data(idempotency.clone()).app_data(gate.clone()).service(scope);
    })
}

async fn ask(server: &TestServer, request: &[u8]) -> idempotent_tests::Reply {
    within(Http1::once(server.address(), request)).await
}

const ORDER: &str = "/v1/orders/7";

#[tokio::test]
async fn a_service_below_runs_to_its_end_when_its_client_hangs_up_half_way() {
    let gate = Gate::shut();
    let server = serve(1, &fresh().build().unwrap(), &gate, &Idempotent::default());
    let request = keyed(ORDER, "k", "");
    let first = Http1::begin(server.address(), &request).await;
    gate.began().await;
    first.reset();
    let mut duplicate = Http1::begin(server.address(), &request).await;
    gate.let_one_through();
    gate.ended().await;
    let duplicate = within(duplicate.reply()).await.unwrap();
    assert_eq!((duplicate.status, duplicate.is_replay(), duplicate.text()), (201, true, "effect 1"));
    assert!(ask(&server, &request).await.is_replay());
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn a_panic_below_is_an_outcome() {
    let gate = Gate::open();
    let server = serve(1, &fresh().build().unwrap(), &gate, &Idempotent::default());
    for is_replay in [false, true, true] {
        let reply = ask(&server, &keyed("/v1/panics", "k", "")).await;
        assert_eq!((reply.status, reply.text(), reply.is_replay()), (500, "", is_replay));
    }
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn sixteen_at_once_over_two_workers_have_one_effect_for_each_key() {
    let gate = Gate::open();
    let server = serve(2, &fresh().build().unwrap(), &gate, &Idempotent::default());
    for key in 0..8 {
        let request = keyed(ORDER, &format!("key-{key}"), "");
        let racers = join_all((0..16).map(|_| ask(&server, &request))).await;
        assert!(racers.iter().all(|reply| reply.status == 201 && reply.body == racers[0].body));
        assert_eq!(racers.iter().filter(|reply| !reply.is_replay()).count(), 1);
    }
    assert_eq!(gate.effects(), 8);
}

#[tokio::test]
async fn a_transaction_below_is_refused_and_nothing_is_stored() {
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let store = SqliteStore::new(SqlitePool::connect_with(options).await.unwrap()).await.unwrap();
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let gate = Gate::open();
    let request = keyed("/v1/transacted", "k", "");
    let server = serve(1, &idempotency, &gate, &Idempotent::default());
    for _ in 0..2 {
        let reply = ask(&server, &request).await;
        assert_eq!((reply.status, reply.is_replay()), (500, false));
        assert!(reply.text().contains("`transaction`"), "{reply:?}");
    }
    assert_eq!(gate.effects(), 0);
    let excepted = Idempotent::builder().except("/v1/transacted").build().unwrap();
    let server = serve(1, &idempotency, &gate, &excepted);
    for is_replay in [false, true] {
        let reply = ask(&server, &request).await;
        assert_eq!((reply.status, reply.text(), reply.is_replay()), (201, "effect 1", is_replay));
    }
}

#[tokio::test]
async fn an_execution_that_died_below_is_asked_about_or_run_again() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let reconcile = async move |abandoned: &AbandonedExecution| {
        let request = abandoned.request().unwrap();
        notes.lock().unwrap().push(format!(
            "{} {} {}",
            request.handler(),
            abandoned.endpoint(),
            request.path()
        ));
        Resolution::Rerun
    };
    let rerun = Idempotent::builder().abandoned(Abandoned::Rerun).build().unwrap();
    let cluster = Cluster::new();
    for (key, builder, idempotent) in [
        ("a", cluster.builder(), rerun),
        ("b", cluster.builder().reconcile(reconcile), Idempotent::default()),
    ] {
        let request = keyed(ORDER, key, "");
        let dying = Gate::shut();
        let server = serve(1, &cluster.builder().build().unwrap(), &dying, &idempotent);
        dying.dies_over(server, &request).await;
        cluster.lease_runs_out();
        let gate = Gate::open();
        let server = serve(1, &builder.build().unwrap(), &gate, &idempotent);
        assert_eq!(ask(&server, &request).await.text(), "effect 1");
        assert!(ask(&server, &request).await.is_replay());
    }
    assert_eq!(*asked.lock().unwrap(), ["Idempotent POST /v1/orders/{id} /v1/orders/7"]);
}

#[tokio::test]
async fn where_the_store_fails_nothing_below_runs() {
    let store = Scripted::new(MemoryStore::new());
    store.next(Verb::Claim, 1, Fault::Fails);
    let gate = Gate::open();
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let server = serve(1, &idempotency, &gate, &Idempotent::default());
    let reply = ask(&server, &keyed(ORDER, "k", "")).await;
    assert_eq!((reply.status, reply.code().as_str(), gate.effects()), (503, "store_unavailable", 0));
}

#[tokio::test]
async fn an_event_names_the_pattern() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    let idempotency = fresh().listener(move |event: &Event<'_>| {
        let route = event.route.map(str::to_owned);
        notes.lock().unwrap().push((event.handler, route, event.outcome));
    });
    let server = serve(1, &idempotency.build().unwrap(), &Gate::open(), &Idempotent::default());
    for _ in 0..2 {
        ask(&server, &keyed(ORDER, "k", "")).await;
    }
    let route = Some("/v1/orders/{id}".to_owned());
    let expected =
        [Outcome::Executed, Outcome::Replayed].map(|outcome| ("Idempotent", route.clone(), outcome));
    assert_eq!(*heard.lock().unwrap(), expected);
}
