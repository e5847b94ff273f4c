//! Executions that operators end.

use idempotent_tests::{fresh, post};
use serde_json::{Value, json};

use super::fixture::{
    Fixture, LEASE, as_seen, begin, is_refused, named, order, read, send, serve, tell, with_customers,
};
use crate::gate::{Gate, keyed, within};

/// An order is to end so.
fn resolved(key: &str, outcome: &str) -> Value {
    json!({ "entry": named(key)["entry"], "outcome": outcome })
}

#[tokio::test]
async fn a_forgotten_key_is_free_and_its_retry_runs() {
    let gate = Gate::open();
    let server = serve(fresh(), &gate);
    let first = order(&server, "secret-1").await;
    assert!(order(&server, "secret-1").await.is_replay());
    let seen = as_seen(&server, &named("secret-1")).await;
    let address = tell(&server, "/inspect", &named("secret-1")).await.json()["address"].clone();
    let forgotten = tell(&server, "/forget", &seen).await;
    assert_eq!((forgotten.status, forgotten.json()), (200, json!({ "address": address })));
    is_refused(&tell(&server, "/inspect", &named("secret-1")).await, 404, "not_found");
    is_refused(&tell(&server, "/forget", &seen).await, 404, "not_found");
    let retry = order(&server, "secret-1").await;
    assert_eq!((retry.status, retry.is_replay(), gate.effects()), (201, false, 2), "{retry:?}");
    assert_ne!(retry.body, first.body);
}

#[tokio::test]
async fn a_key_is_forgotten_by_its_address_too() {
    let gate = Gate::open();
    let server = serve(fresh(), &gate);
    order(&server, "secret-1").await;
    let address = tell(&server, "/inspect", &named("secret-1")).await.json()["address"].clone();
    let seen = as_seen(&server, &json!({ "entry": { "address": address } })).await;
    assert_eq!(tell(&server, "/forget", &seen).await.status, 200);
    assert!(!order(&server, "secret-1").await.is_replay());
    assert_eq!(gate.effects(), 2);
}

#[tokio::test]
async fn what_was_recorded_since_an_operator_looked_is_not_forgotten_but_shown() {
    let (fixture, gate) = (Fixture::new(), Gate::shut());
    let server = serve(fixture.process(), &gate);
    let mut late = begin(&server, &gate, "secret-1").await;
    fixture.clock.advance(LEASE);
    let dead = read(&server, "/stuck").await.json()["entries"][0].take();
    assert_eq!(dead["state"], "abandoned");
    gate.let_one_through();
    assert_eq!(within(late.reply()).await.unwrap().status, 201);
    let asked = json!({ "entry": { "address": dead["address"] }, "version": dead["version"] });
    let refused = tell(&server, "/forget", &asked).await;
    is_refused(&refused, 409, "changed");
    let (there, now) =
        (refused.json()["entry"].take(), tell(&server, "/inspect", &named("secret-1")).await.json());
    assert_eq!((&there["state"], &there["status"]), (&json!("completed"), &json!(201)), "{there}");
    assert_eq!((&there["address"], &there["version"]), (&now["address"], &now["version"]));
    assert!(order(&server, "secret-1").await.is_replay());
    let asked = json!({ "entry": named("secret-1")["entry"], "version": there["version"] });
    assert_eq!(tell(&server, "/forget", &asked).await.status, 200);
}

#[tokio::test]
async fn of_two_operators_who_saw_the_same_one_forgets_it() {
    let (gate, asked) = (Gate::open(), named("secret-1"));
    let server = serve(fresh(), &gate);
    order(&server, "secret-1").await;
    let seen = as_seen(&server, &asked).await;
    let (one, other) = tokio::join!(tell(&server, "/forget", &seen), tell(&server, "/forget", &seen));
    let mut told = [one.status, other.status];
    told.sort_unstable();
    assert_eq!(told, [200, 404]);
    assert_eq!(order(&server, "secret-1").await.status, 201);
    is_refused(&tell(&server, "/forget", &seen).await, 409, "changed");
    assert!(order(&server, "secret-1").await.is_replay());
    assert_eq!(gate.effects(), 2);
}

#[tokio::test]
async fn what_runs_is_neither_forgotten_nor_resolved() {
    let gate = Gate::shut();
    let server = serve(fresh(), &gate);
    let mut running = begin(&server, &gate, "secret-1").await;
    let seen = as_seen(&server, &named("secret-1")).await;
    is_refused(&tell(&server, "/forget", &seen).await, 409, "running");
    is_refused(&tell(&server, "/resolve", &resolved("secret-1", "rerun")).await, 409, "running");
    gate.let_one_through();
    assert_eq!(within(running.reply()).await.unwrap().status, 201);
    assert!(order(&server, "secret-1").await.is_replay());
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn what_has_its_outcome_is_not_resolved() {
    let server = serve(fresh(), &Gate::open());
    is_refused(&tell(&server, "/resolve", &resolved("secret-1", "rerun")).await, 404, "not_found");
    order(&server, "secret-1").await;
    is_refused(&tell(&server, "/resolve", &resolved("secret-1", "rerun")).await, 409, "settled");
    assert!(order(&server, "secret-1").await.is_replay());
}

#[tokio::test]
async fn what_died_is_run_again_where_an_operator_says_so() {
    let (fixture, gate) = (Fixture::new(), Gate::open());
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process(), &gate);
    assert_eq!(order(&server, "secret-1").await.code(), "outcome_unknown");
    assert_eq!(tell(&server, "/resolve", &resolved("secret-1", "rerun")).await.status, 200);
    let retry = order(&server, "secret-1").await;
    assert_eq!((retry.status, retry.text()), (201, "secret effect 1, attempt 1"));
}

#[tokio::test]
async fn what_died_is_refused_for_good_where_an_operator_says_so() {
    let (fixture, gate) = (Fixture::new(), Gate::open());
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process(), &gate);
    assert_eq!(tell(&server, "/resolve", &resolved("secret-1", "refuse")).await.status, 200);
    assert_eq!(order(&server, "secret-1").await.code(), "outcome_unknown");
    assert_eq!(gate.effects(), 0);
}

#[tokio::test]
async fn what_died_is_completed_with_the_response_that_an_operator_gives() {
    let (fixture, gate) = (Fixture::new(), Gate::open());
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process(), &gate);
    let mut asked = resolved("secret-1", "complete");
    asked["response"] = json!({
        "status": 202,
        "headers": [["content-type", "text/plain"], ["link", "</a>"], ["link", "</b>"]],
        "body": "secret receipt of 7 €\n",
    });
    let done = tell(&server, "/resolve", &asked).await;
    let address = tell(&server, "/inspect", &named("secret-1")).await.json()["address"].clone();
    assert_eq!((done.status, done.json()), (200, json!({ "address": address })));
    let retry = order(&server, "secret-1").await;
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (202, true, "secret receipt of 7 €\n"));
    assert_eq!(retry.header("content-type"), Some("text/plain"));
    let links = retry.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str());
    assert_eq!(links.collect::<Vec<_>>(), ["</a>", "</b>"]);
    assert_eq!(send(&server, &keyed("/orders", "secret-1", "another")).await.code(), "key_reused");
    assert_eq!(gate.effects(), 0);
}

#[tokio::test]
async fn what_a_caller_holds_is_told_and_forgotten_without_telling_who_it_is() {
    let server = serve(with_customers(fresh()), &Gate::open());
    let request = |customer: &str, key: &str| {
        let headers = [format!("Idempotency-Key: {key}"), format!("X-Customer: {customer}")];
        post("/compared", &headers.each_ref().map(String::as_str), b"")
    };
    for (customer, key) in [("secret one", "1"), ("secret one", "2"), ("secret two", "1")] {
        assert_eq!(send(&server, &request(customer, key)).await.status, 201);
    }
    let usage = read(&server, "/usage").await.json();
    assert_eq!(usage["keys"], 3);
    assert_eq!(usage["budget"].as_u64(), usage["caller_share"].as_u64().map(|share| share * 2));
    let [endpoint] = &usage["endpoints"].as_array().unwrap()[..] else { panic!("{usage}") };
    assert_eq!((&endpoint["endpoint"], &endpoint["keys"]), (&json!("POST /compared"), &json!(3)));
    let [one, two] = &usage["callers"].as_array().unwrap()[..] else { panic!("{usage}") };
    assert_eq!((&one["keys"], &one["anonymous"], &two["keys"]), (&json!(2), &json!(false), &json!(1)));
    let forgotten = tell(&server, "/forget", &json!({ "caller": one["caller"] })).await.json();
    assert_eq!(forgotten, json!({ "caller": one["caller"], "keys": 2, "bytes": one["bytes"] }));
    is_refused(&tell(&server, "/forget", &json!({ "caller": one["caller"] })).await, 404, "not_found");
    assert_eq!(read(&server, "/usage").await.json()["callers"], json!([two]));
    assert!(!send(&server, &request("secret one", "1")).await.is_replay());
    assert!(send(&server, &request("secret two", "1")).await.is_replay());
}
