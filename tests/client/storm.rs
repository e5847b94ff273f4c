//! Ten thousand calls over a bad network, to a server that dies again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, web};
use futures_util::{StreamExt, stream};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent};
use idempotent_tests::TestServer;
use reqwest_middleware::ClientWithMiddleware;
use tokio::time::sleep;

use crate::{
    canned::{brisk, client},
    faults::Network,
};

const CALLS: usize = 10_000;
const AT_A_TIME: usize = 64;

struct Effects(Vec<AtomicUsize>);

#[idempotent]
async fn order(body: String, effects: web::Data<Effects>) -> impl Responder {
    let number: usize = body.parse().unwrap();
    effects.0[number].fetch_add(1, SeqCst);
    HttpResponse::Created().body(format!("order {number}"))
}

/// A server that knows of the one before only what is in the store.
fn server(store: &MemoryStore, effects: &Arc<Effects>) -> TestServer {
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let effects = Arc::clone(effects);
    TestServer::start(1, move |app| {
        let effects = web::Data::from(Arc::clone(&effects));
        app.app_data(idempotency.clone()).app_data(effects).route("/order", web::post().to(order));
    })
}

/// Lets the server die and another one take its place, until this is dropped, and counts.
async fn dying(
    first: TestServer,
    store: MemoryStore,
    effects: Arc<Effects>,
    network: Arc<Network>,
    deaths: Arc<AtomicUsize>,
) {
    let mut server_now = first;
    loop {
        sleep(Duration::from_millis(400)).await;
        tokio::task::spawn_blocking(move || drop(server_now)).await.unwrap();
        deaths.fetch_add(1, SeqCst);
        sleep(Duration::from_millis(50)).await;
        server_now = server(&store, &effects);
        network.lead_to(server_now.address().port());
    }
}

async fn call(client: &ClientWithMiddleware, url: &str, number: usize) {
    let answer = client.post(url).body(number.to_string()).send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!((status, text), (201, format!("order {number}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_to_a_server_that_drops_delays_refuses_and_dies_have_one_effect_each() {
    let (store, deaths) = (MemoryStore::builder().build(), Arc::<AtomicUsize>::default());
    let effects = Arc::new(Effects((0..CALLS).map(|_| AtomicUsize::new(0)).collect()));
    let first = server(&store, &effects);
    let network = Arc::new(Network::to(first.address().port(), 4).await);
    let dying =
        tokio::spawn(dying(first, store, Arc::clone(&effects), Arc::clone(&network), Arc::clone(&deaths)));

    let client = client(brisk().tries(100).backoff(Duration::from_millis(2), Duration::from_millis(100)));
    let url = format!("http://127.0.0.1:{}/order", network.port());
    stream::iter(0..CALLS).for_each_concurrent(AT_A_TIME, |number| call(&client, &url, number)).await;
    dying.abort();

    let wrong: Vec<usize> = (0..CALLS).filter(|number| effects.0[*number].load(SeqCst) != 1).collect();
    assert_eq!(wrong, Vec::<usize>::new());
    let (met, deaths) = (network.met(), deaths.load(SeqCst));
    println!("faults {met:?}, deaths {deaths}");
    assert!(met.iter().all(|met| *met > 100) && deaths > 2, "{met:?}, {deaths} deaths");
}
