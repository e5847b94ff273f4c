//! Defaults of an application, as duplicates and operators notice them.

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, Responder, guard::Header, post, web};
use idempotent_runtime::{
    Abandoned, Idempotency, IdempotencyBuilder, SameStore, admin::admin_scope, idempotent,
};
use idempotent_tests::{Http1, TestServer, fresh};
use serde_json::{Value, json};

use crate::{
    abandoned::Cluster,
    gate::{Gate, keyed, within},
};

#[post("/plain")]
#[idempotent]
async fn plain(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/waits")]
#[idempotent(wait = "60s")]
async fn waits(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/grouped")]
#[idempotent(scope = "group:defaults", wait = "60s")]
async fn grouped(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

fn serve(builder: IdempotencyBuilder, gate: &Gate) -> TestServer {
    serve_with(&builder.build().unwrap(), gate, |settings| settings)
}

/// The same with other settings below `/own`.
fn serve_with(
    idempotency: &Idempotency,
    gate: &Gate,
    set: fn(IdempotencyBuilder<SameStore>) -> IdempotencyBuilder<SameStore>,
) -> TestServer {
    let own = idempotency.with(set).unwrap();
    let (idempotency, gate) = (idempotency.clone(), web::Data::new(gate.clone()));
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(gate.clone())
            .service((plain, waits, grouped))
            .service(web::scope("/own").app_data(own.clone()).service((plain, grouped)))
            .service(admin_scope(Header("x-operator", "me")));
    })
}

/// Answer to a duplicate of a request that runs, and how long it waited.
async fn duplicate(server: &TestServer, gate: &Gate, path: &str) -> (String, Duration) {
    let request = keyed(path, "k", "");
    let _running = Http1::begin(server.address(), &request).await;
    gate.began().await;
    let begun = Instant::now();
    let reply = within(Http1::once(server.address(), &request)).await;
    gate.let_one_through();
    (reply.code(), begun.elapsed())
}

#[tokio::test]
async fn a_duplicate_waits_as_long_as_the_application_says() {
    let gate = Gate::shut();
    let server = serve(fresh().wait(Duration::ZERO), &gate);
    let (code, waited) = duplicate(&server, &gate, "/plain").await;
    assert_eq!(code, "in_progress");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn a_wait_that_is_written_for_a_longer_ttl_is_cut_to_half_of_it() {
    let gate = Gate::shut();
    let server = serve(fresh().ttl(Duration::from_secs(1)), &gate);
    for path in ["/waits", "/plain"] {
        let (code, waited) = duplicate(&server, &gate, path).await;
        assert_eq!(code, "in_progress", "{path}");
        assert!(waited >= Duration::from_millis(400) && waited < Duration::from_secs(5), "{path} {waited:?}");
    }
}

#[tokio::test]
async fn an_execution_that_died_runs_again_where_the_application_says_so() {
    let cluster = Cluster::new();
    let request = keyed("/plain", "k", "");
    let dying = Gate::shut();
    let server = serve(cluster.builder(), &dying);
    dying.dies_over(server, &request).await;
    cluster.lease_runs_out();
    let gate = Gate::open();
    let server = serve(cluster.builder().abandoned(Abandoned::Rerun), &gate);
    assert_eq!(within(Http1::once(server.address(), &request)).await.text(), "effect 1");
}

#[tokio::test]
async fn a_request_joins_the_execution_that_another_handle_on_the_store_runs() {
    let gate = Gate::shut();
    let server = serve_with(&fresh().build().unwrap(), &gate, |settings| settings);
    let mut replies = Vec::new();
    let first = Http1::begin(server.address(), &keyed("/grouped", "k", "")).await;
    gate.began().await;
    let second = Http1::begin(server.address(), &keyed("/own/grouped", "k", "")).await;
    // One worker reads in turn: when this is answered, the second waits.
    let other = within(Http1::once(server.address(), &keyed("/own/grouped", "k", "other"))).await;
    assert_eq!(other.code(), "key_reused");
    gate.let_one_through();
    for mut connection in [first, second] {
        replies.push(within(connection.reply()).await.unwrap());
    }
    let marks: Vec<_> = replies.iter().map(|reply| (reply.text(), reply.is_replay())).collect();
    assert_eq!(marks, [("effect 1", false), ("effect 1", true)]);
    assert_eq!(gate.effects(), 1);
}

/// Policies of `plain`, as an operator reads them.
async fn policies(server: &TestServer) -> Vec<Value> {
    let request = b"GET /idempotency/policies HTTP/1.1\r\nHost: test\r\nX-Operator: me\r\n\r\n";
    let reply = within(Http1::once(server.address(), request)).await;
    let policies = reply.json()["policies"].take();
    let of_plain = |policy: &&Value| policy["handler"] == "execution::defaults::plain";
    policies.as_array().unwrap().iter().filter(of_plain).cloned().collect()
}

#[tokio::test]
async fn an_operator_reads_what_is_in_force() {
    let hour = Duration::from_secs(3600);
    let idempotency = fresh().ttl(hour * 2).abandoned(Abandoned::Rerun).build().unwrap();
    let server = serve_with(&idempotency, &Gate::open(), |settings| settings.ttl(Duration::from_secs(3600)));
    let [unused] = &policies(&server).await[..] else { panic!("it is there once") };
    assert_eq!((&unused["ttl_seconds"], &unused["abandoned"]), (&json!(7200.0), &json!("rerun")));

    // A scope's own settings are known from its first request on.
    within(Http1::once(server.address(), &keyed("/own/plain", "k", ""))).await;
    let [own] = &policies(&server).await[..] else { panic!("it is there once") };
    assert_eq!(own["ttl_seconds"], 3600.0);

    within(Http1::once(server.address(), &keyed("/plain", "k", ""))).await;
    let both: Vec<_> =
        policies(&server).await.iter().map(|of| (of["route"].clone(), of["ttl_seconds"].clone())).collect();
    assert_eq!(both, [(json!("/own/plain"), json!(3600.0)), (json!("/plain"), json!(7200.0))]);
}
