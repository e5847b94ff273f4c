//! Views of operators.

use std::time::Duration;

use idempotent_runtime::{AbandonedExecution, Once, Resolution};
use idempotent_tests::{Reply, TestServer, fresh, post};
use serde_json::{Value, json};

use super::fixture::{
    Fixture, LEASE, begin, is_refused, named, of_every_scope, order, read, send, serve, tell, told,
    with_customers,
};
use crate::gate::{Gate, keyed, within};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The one of `list` whose handler has this name.
fn of<'a>(list: &'a Value, handler: &str) -> &'a Value {
    let handler = format!("execution::admin::fixture::{handler}");
    let mut found = list.as_array().unwrap().iter().filter(|each| each["handler"] == handler);
    let one = found.next().unwrap_or_else(|| panic!("no {handler} in {list}"));
    assert!(found.next().is_none(), "{handler} is there twice: {list}");
    one
}

#[tokio::test]
async fn policies_are_what_the_attributes_say() {
    let server = serve(fresh(), &Gate::open());
    let policies = read(&server, "/policies").await.json()["policies"].take();
    let expected = json!({
        "handler": "execution::admin::fixture::orders", "ttl_seconds": 86400.0, "scope": "endpoint",
        "required": true, "wait_seconds": 60.0, "replay": "all", "fingerprint": "raw", "abandoned": "refuse",
        "transaction": false,
    });
    assert_eq!(*of(&policies, "orders"), expected);
    let transfers = of(&policies, "transfers");
    assert_eq!((&transfers["scope"], &transfers["replay"]), (&json!("resource"), &json!("final")));
    assert_eq!((&transfers["wait_seconds"], &transfers["ttl_seconds"]), (&json!(0.0), &json!(259_200.0)));
    let payments = of(&policies, "payments");
    assert_eq!((&payments["scope"], &payments["required"]), (&json!("group:money"), &json!(false)));
    assert_eq!((&payments["fingerprint"], &payments["abandoned"]), (&json!("canonical"), &json!("rerun")));
    let compared = of(&policies, "compared");
    assert_eq!(
        (&compared["fingerprint"], &compared["headers"]),
        (&json!("custom"), &json!(["accept", "x-api-version"]))
    );
    assert_eq!(of(&policies, "anywhere")["replay"], "success");
    let transacted = of(&policies, "transacted");
    assert_eq!((&transacted["transaction"], &transacted["replay"]), (&json!(true), &json!("final")));
    assert_eq!(transacted["abandoned"], "rerun");
}

#[tokio::test]
async fn counters_are_what_a_script_knows() {
    let server = serve(fresh(), &Gate::open());
    let script: [(Vec<u8>, u16); 9] = [
        (with_json("/counted/1", "secret-1", "1"), 201),
        (with_json("/counted/1", "secret-1", "1"), 201),
        (with_json("/counted/1", "secret-1", "1"), 201),
        (with_json("/counted/2", "secret-2", "1"), 201),
        (with_json("/counted/2", "secret-1", "1"), 409),
        (with_json("/counted/1", "secret-3", "{"), 400),
        (with_json("/counted/1", "bad,secret", "1"), 400),
        (post("/counted/1", &[], b""), 400),
        (keyed("/panics", "secret-1", ""), 500),
    ];
    for (request, status) in script {
        assert_eq!(send(&server, &request).await.status, status);
    }
    let counters = read(&server, "/counters").await.json();
    let counted = of(&counters["endpoints"], "counted");
    let expected = json!({
        "executed": 2, "replayed": 2, "key_reused": 1, "never_began": 1, "key_invalid": 1, "key_missing": 1,
    });
    assert_eq!((&counted["route"], &counted["outcomes"]), (&json!("/counted/{id}"), &expected));
    assert_eq!(of(&counters["endpoints"], "panics")["outcomes"], json!({ "panicked": 1 }));
    assert_eq!((&counters["running"], &counters["memory"]["entries"]), (&json!(0), &json!(3)));
}

#[tokio::test]
async fn what_is_to_be_reconciled_is_told_so() {
    let reconcile = async |_: &AbandonedExecution| Resolution::Refuse;
    let server = serve(fresh().reconcile(reconcile), &Gate::open());
    let policies = read(&server, "/policies").await.json()["policies"].take();
    let abandoned =
        ["orders", "payments", "transacted"].map(|handler| of(&policies, handler)["abandoned"].clone());
    assert_eq!(abandoned, ["reconcile", "reconcile", "rerun"]);
}

fn with_json(path: &str, key: &str, body: &str) -> Vec<u8> {
    let headers = [&format!("Idempotency-Key: {key}"), "Content-Type: application/json"];
    post(path, &headers, body.as_bytes())
}

#[tokio::test]
async fn what_runs_is_counted_while_it_does() {
    let gate = Gate::shut();
    let server = serve(fresh(), &gate);
    let mut running = begin(&server, &gate, "secret-1").await;
    assert_eq!(read(&server, "/counters").await.json()["running"], 1);
    gate.let_one_through();
    within(running.reply()).await.unwrap();
    assert_eq!(read(&server, "/counters").await.json()["running"], 0);
}

#[tokio::test]
async fn an_entry_is_found_by_the_parts_of_its_address_and_by_its_address() {
    let server = serve(with_customers(fresh()), &Gate::open());
    for (_, name) in of_every_scope() {
        is_refused(&tell(&server, "/inspect", &json!({ "entry": name })).await, 404, "not_found");
    }
    let mut addresses = Vec::new();
    for (request, name) in of_every_scope() {
        assert!(send(&server, &request).await.status < 300);
        let found = state(tell(&server, "/inspect", &json!({ "entry": name })).await, "completed");
        let by_address = json!({ "entry": { "address": found["address"] } });
        let again = state(tell(&server, "/inspect", &by_address).await, "completed");
        assert_eq!((&found["endpoint"], &again["endpoint"]), (&found["endpoint"], &found["endpoint"]));
        assert!(found["endpoint"].as_str().unwrap().starts_with("POST /"), "{found}");
        assert_eq!(again["address"], found["address"]);
        addresses.push(found["address"].as_str().unwrap().to_owned());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), of_every_scope().len());
}

#[track_caller]
fn state(reply: Reply, state: &str) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    let entry = reply.json();
    assert_eq!(entry["state"], state, "{entry}");
    entry
}

async fn looked_up(server: &TestServer, key: &str, expected: &str) -> Value {
    state(tell(server, "/inspect", &named(key)).await, expected)
}

#[tokio::test]
async fn a_look_up_tells_the_state_the_times_and_the_attempt() {
    let (fixture, gate) = (Fixture::new(), Gate::shut());
    let server = serve(fixture.process().remember_expired_keys(DAY), &gate);
    let mut running = begin(&server, &gate, "secret-1").await;
    fixture.clock.advance(LEASE / 3);
    let found = looked_up(&server, "secret-1", "running").await;
    assert_eq!((&found["attempt"], &found["lease_left_seconds"]), (&json!(1), &json!(20.0)), "{found}");
    gate.let_one_through();
    within(running.reply()).await.unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    let found = looked_up(&server, "secret-1", "completed").await;
    assert_eq!((&found["status"], &found["left_seconds"]), (&json!(201), &json!(86340.0)), "{found}");
    assert_eq!(found["attempt"], json!(1), "{found}");
    assert_eq!(found["kept_for_seconds"], json!(172_740.0), "{found}");
    assert!(found["bytes"].as_u64().unwrap() > 0, "{found}");
    fixture.clock.advance(DAY);
    let found = looked_up(&server, "secret-1", "expired").await;
    assert_eq!(found["kept_for_seconds"], json!(86340.0), "{found}");

    fixture.dies_running("secret-2").await;
    fixture.clock.advance(Duration::from_secs(5));
    let found = looked_up(&server, "secret-2", "abandoned").await;
    assert_eq!((&found["attempt"], &found["lapsed_seconds"]), (&json!(1), &json!(5.0)), "{found}");
    let refused = json!({ "entry": named("secret-2")["entry"], "outcome": "refuse" });
    assert_eq!(tell(&server, "/resolve", &refused).await.status, 200);
    let found = looked_up(&server, "secret-2", "unknown").await;
    assert!(found["left_seconds"].as_f64().unwrap() > 0.0, "{found}");
}

#[tokio::test]
async fn stuck_entries_are_listed_in_pages() {
    let fixture = Fixture::new();
    for key in ["secret-1", "secret-2", "secret-3"] {
        fixture.dies_running(key).await;
    }
    let server = serve(fixture.process(), &Gate::open());
    order(&server, "secret-4").await;
    let first = read(&server, "/stuck?limit=2").await.json();
    let next = first["next"].as_str().unwrap();
    let second = read(&server, &format!("/stuck?limit=2&after={next}")).await.json();
    assert_eq!(second["next"], Value::Null);
    let entries = |page: &Value| page["entries"].as_array().unwrap().clone();
    let all = [entries(&first), entries(&second)].concat();
    let mut listed = Vec::new();
    for entry in &all {
        assert_eq!((&entry["state"], &entry["attempt"]), (&json!("abandoned"), &json!(1)), "{entry}");
        listed.push(entry["address"].clone());
    }
    let mut dead = Vec::new();
    for key in ["secret-1", "secret-2", "secret-3"] {
        dead.push(looked_up(&server, key, "abandoned").await["address"].clone());
    }
    assert_eq!(listed, dead, "the oldest come first");
    assert_eq!(read(&server, "/stuck").await.json()["entries"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn stuck_entries_are_listed_by_endpoint() {
    let fixture = Fixture::new();
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process(), &Gate::open());
    for (endpoint, number) in [("POST%20/orders", 1), ("POST+/orders", 1), ("POST%20/order", 0), ("", 0)] {
        let page = read(&server, &format!("/stuck?endpoint={endpoint}")).await.json();
        let entries = page["entries"].as_array().unwrap();
        assert_eq!(entries.len(), number, "{page}");
        assert!(entries.iter().all(|entry| entry["endpoint"] == "POST /orders"), "{page}");
    }
}

#[tokio::test]
async fn an_entry_of_an_operation_or_of_another_namespace_is_found_by_the_parts_of_its_name() {
    let fixture = Fixture::new();
    let billing = fixture.process().namespace("billing").build().unwrap();
    let settled =
        billing.once("settle", "secret-1").run(async |_| Ok::<_, std::convert::Infallible>(1)).await;
    assert_eq!(settled.unwrap(), Once::Ran(1));
    let server = serve(fixture.process(), &Gate::open());
    let entry = json!({ "operation": "settle", "key": "secret-1", "namespace": "billing" });
    let found = state(tell(&server, "/inspect", &json!({ "entry": entry })).await, "completed");
    assert_eq!(found["endpoint"], "settle");
    let elsewhere = json!({ "entry": { "operation": "settle", "key": "secret-1" } });
    is_refused(&tell(&server, "/inspect", &elsewhere).await, 404, "not_found");
    order(&server, "secret-2").await;
    let mut order = named("secret-2");
    order["entry"]["namespace"] = json!("");
    assert_eq!(state(tell(&server, "/inspect", &order).await, "completed")["endpoint"], "POST /orders");
    for (part, value) in
        [("scope", "endpoint"), ("method", "POST"), ("route", "/settle"), ("path", "/settle")]
    {
        let mut mixed = entry.clone();
        mixed[part] = json!(value);
        is_refused(&tell(&server, "/inspect", &json!({ "entry": mixed })).await, 422, "invalid");
    }
}

#[tokio::test]
async fn the_key_of_an_event_begins_its_address() {
    let (tell_key, heard) = std::sync::mpsc::channel();
    let hears = move |event: &idempotent_runtime::Event<'_>| {
        tell_key.send(event.key.unwrap().to_string()).unwrap();
    };
    let server = serve(fresh().listener(hears), &Gate::open());
    order(&server, "secret-1").await;
    let address = looked_up(&server, "secret-1", "completed").await["address"].clone();
    assert!(address.as_str().unwrap().starts_with(&heard.recv().unwrap()), "{address}");
}

#[tokio::test]
async fn http_2_tells_the_same() {
    let server = serve(fresh(), &Gate::open());
    let (http2, _driver) = idempotent_tests::Http2::open(server.address()).await;
    let headers = [("x-operator", "me"), ("content-type", "application/json")];
    order(&server, "secret-1").await;
    let body = named("secret-1").to_string().into_bytes();
    let reply = told(within(http2.exchange("/idempotency/inspect", &headers, body.into())).await);
    assert_eq!(reply.json()["address"], looked_up(&server, "secret-1", "completed").await["address"]);
}
