//! Guards, and whom they let into the scope.

use actix_web::{
    HttpRequest, HttpResponse,
    guard::{Get, Guard, Header, Not, fn_guard},
    web,
};
use idempotent_runtime::admin::admin_scope;
use idempotent_tests::{Reply, TestServer, fresh, post};
use tracing::level_filters::LevelFilter;

use super::fixture::{Fixture, from_operator, named, order, read, send, serve, tell, told};
use crate::{gate::Gate, spans::collector::Collector};

#[tokio::test]
async fn to_whoever_is_no_operator_there_is_no_scope() {
    let gate = Gate::open();
    let server = serve(fresh(), &gate);
    order(&server, "secret-1").await;
    let body = named("secret-1").to_string();
    for headers in
        [vec!["Content-Type: application/json"], vec!["Content-Type: application/json", "X-Operator: you"]]
    {
        for path in ["/inspect", "/forget", "/resolve"] {
            let reply = send(&server, &post(&format!("/idempotency{path}"), &headers, body.as_bytes())).await;
            assert_eq!((reply.status, reply.body.len()), (404, 0), "{reply:?}");
        }
    }
    for path in ["/policies", "/counters", "/usage", "/stuck"] {
        let request = format!("GET /idempotency{path} HTTP/1.1\r\nHost: test\r\n\r\n");
        let reply = send(&server, request.as_bytes()).await;
        assert_eq!((reply.status, reply.body.len()), (404, 0), "{reply:?}");
    }
    assert!(order(&server, "secret-1").await.is_replay());
}

/// Replies to an operator where this is the guard, and the log.
async fn guarded_by<G: Guard + 'static>(
    guard: impl Fn() -> G + Clone + Send + 'static,
) -> (Vec<Reply>, String) {
    let collector = Collector::looking_at(LevelFilter::INFO);
    let install = collector.installer();
    let server = TestServer::start(1, move |app| {
        install();
        app.service(admin_scope(guard()));
    });
    let read = b"GET /idempotency/policies HTTP/1.1\r\nHost: test\r\nX-Operator: me\r\n\r\n";
    let look = from_operator("/inspect", named("secret-1").to_string().as_bytes());
    let replies = vec![send(&server, read).await, send(&server, &look).await];
    (replies, collector.output())
}

const NOT_MOUNTED: &str = "the admin scope is not mounted";

#[tokio::test]
async fn a_guard_that_lets_anybody_in_mounts_nothing() {
    let open = [
        guarded_by(|| fn_guard(|_| true)).await,
        guarded_by(Get).await,
        guarded_by(|| Not(Header("x-outsider", "yes"))).await,
    ];
    for (replies, output) in open {
        for reply in replies {
            assert_eq!((reply.status, reply.body.len()), (404, 0), "{reply:?}");
        }
        assert!(output.contains(NOT_MOUNTED), "{output}");
    }
}

#[tokio::test]
async fn a_guard_that_knows_its_operators_by_whatever_lets_them_in() {
    let by_address =
        || fn_guard(|context| context.head().peer_addr.is_some_and(|peer| peer.ip().is_loopback()));
    let by_header = || Header("x-operator", "me");
    let panics = || fn_guard(|context| context.head().peer_addr.unwrap().ip().is_loopback());
    for (replies, output) in
        [guarded_by(by_address).await, guarded_by(by_header).await, guarded_by(panics).await]
    {
        let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [200, 404], "{replies:?}");
        assert_eq!(replies[1].code(), "not_found");
        assert!(!output.contains(NOT_MOUNTED), "{output}");
    }
}

#[tokio::test]
async fn it_tells_of_what_holds_where_it_is_mounted() {
    let (inner, outer) = (fresh().build().unwrap(), fresh().build().unwrap());
    let server = TestServer::start(1, move |app| {
        let below = web::scope("/inner")
            .app_data(inner.clone())
            .service(web::resource("/orders").route(web::post().to(keyed_handler)))
            .service(admin_scope(Header("x-operator", "me")));
        app.app_data(outer.clone()).service(below).service(admin_scope(Header("x-operator", "me")));
    });
    send(&server, &post("/inner/orders", &["Idempotency-Key: secret-1"], b"")).await;
    let asked =
        serde_json::json!({ "entry": { "method": "POST", "route": "/inner/orders", "key": "secret-1" } });
    let request = post(
        "/inner/idempotency/inspect",
        &["X-Operator: me", "Content-Type: application/json"],
        asked.to_string().as_bytes(),
    );
    assert_eq!(told(send(&server, &request).await).json()["state"], "completed");
    assert_eq!(tell(&server, "/inspect", &asked).await.code(), "not_found");
    assert_eq!(read(&server, "/counters").await.json()["memory"]["entries"], 0);
}

/// An address does not say whose it is, and a store keeps nothing else: operators are those of the
/// store.
#[tokio::test]
async fn what_shares_a_store_is_listed_and_ended_by_its_address_and_not_by_its_name() {
    let fixture = Fixture::new();
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process().namespace("another"), &Gate::open());
    assert_eq!(tell(&server, "/inspect", &named("secret-1")).await.code(), "not_found");

    let listed = read(&server, "/stuck").await.json()["entries"][0].clone();
    let entry = serde_json::json!({ "entry": { "address": listed["address"] } });
    assert_eq!(tell(&server, "/inspect", &entry).await.json()["state"], "abandoned");
    let entry = serde_json::json!({ "entry": entry["entry"], "version": listed["version"] });
    assert_eq!(tell(&server, "/forget", &entry).await.json()["address"], listed["address"]);
    assert_eq!(order(&serve(fixture.process(), &Gate::open()), "secret-1").await.status, 201);
}

#[idempotent_runtime::idempotent]
async fn keyed_handler(_: HttpRequest) -> HttpResponse {
    HttpResponse::Created().finish()
}
