//! Operators who ask for what cannot be, and stores that fail them.

use std::time::Duration;

use actix_web::guard::Header;
use idempotent_runtime::{Idempotency, KeyFormat, MemoryStore, admin::admin_scope};
use idempotent_tests::{
    TestServer, fresh, post,
    scripted::{Fault, Scripted, Verb},
};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use super::fixture::{
    Fixture, from_operator, is_refused, named, order, read, send, serve, tell, tell_bytes, told,
};
use crate::{gate::Gate, spans::collector::Collector};

/// A version, of nothing in particular.
const VERSION: &str = "0123456789abcdef";

const ROUTES: [&str; 3] = ["/inspect", "/forget", "/resolve"];

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let server = serve(fresh(), &Gate::open());
    for path in ROUTES {
        for body in ["", "secret", "{\"entry\": {\"key\": \"secret-1\"}", "[1,", "{} {}"] {
            is_refused(&tell_bytes(&server, path, body.as_bytes()).await, 400, "malformed");
        }
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_one_is_invalid() {
    let server = serve(fresh(), &Gate::open());
    let (key, method) = ("secret-1", "POST");
    let entries = [
        json!("secret-1"),
        json!({}),
        json!({ "key": key }),
        json!({ "method": method, "route": "/orders" }),
        json!({ "method": method, "route": "/orders", "path": "/orders", "key": key }),
        json!({ "method": "no method", "route": "/orders", "key": key }),
        json!({ "method": "post", "route": "/orders", "key": key }),
        json!({ "method": method, "route": "/orders", "key": "secret words" }),
        json!({ "method": method, "route": "/orders", "key": "s".repeat(256) }),
        json!({ "method": method, "route": "/orders", "key": 7 }),
        json!({ "method": method, "route": "/orders", "key": key, "secret": "x" }),
        json!({ "scope": "resource", "method": method, "route": "/orders", "key": key }),
        json!({ "scope": "global", "method": method, "key": key }),
        json!({ "scope": "group:money", "route": "/orders", "key": key }),
        json!({ "scope": "secret", "key": key }),
        json!({ "address": "secret" }),
        json!({ "address": "0".repeat(63) }),
        json!({ "address": "0".repeat(64), "key": key }),
    ];
    for path in ROUTES {
        for entry in &entries {
            let asked = json!({ "entry": entry, "outcome": "rerun" });
            let asked = match path {
                "/resolve" => asked,
                "/forget" => json!({ "entry": entry, "version": VERSION }),
                _ => json!({ "entry": entry }),
            };
            is_refused(&tell(&server, path, &asked).await, 422, "invalid");
        }
    }
    is_refused(
        &tell(&server, "/inspect", &json!({ "entry": { "address": "0".repeat(64) } })).await,
        404,
        "not_found",
    );
}

#[tokio::test]
async fn a_response_whose_status_has_no_body_is_invalid_with_one() {
    let server = serve(fresh(), &Gate::open());
    let entry = named("secret-1")["entry"].take();
    for status in [204, 205, 304] {
        let response = json!({ "status": status, "body": "secret" });
        let asked = json!({ "entry": entry, "outcome": "complete", "response": response });
        let refused = tell(&server, "/resolve", &asked).await;
        is_refused(&refused, 422, "invalid");
        assert!(refused.json()["detail"].as_str().unwrap().contains("no body"), "{refused:?}");
        let asked = json!({ "entry": entry, "outcome": "complete", "response": { "status": status } });
        is_refused(&tell(&server, "/resolve", &asked).await, 404, "not_found");
    }
}

#[tokio::test]
async fn what_is_to_be_forgotten_has_to_be_named_by_a_version() {
    let server = serve(fresh(), &Gate::open());
    order(&server, "secret-1").await;
    let entry = named("secret-1")["entry"].take();
    for (asked, detail) in [
        (json!({ "entry": entry }), "`version` is missing"),
        (json!({ "entry": entry, "version": null }), "`version` is missing"),
        (json!({ "entry": entry, "version": "secret" }), "16 digits"),
        (json!({ "entry": entry, "version": 7 }), "of another type"),
    ] {
        let refused = tell(&server, "/forget", &asked).await;
        is_refused(&refused, 422, "invalid");
        assert!(refused.json()["detail"].as_str().unwrap().contains(detail), "{refused:?}");
    }
    is_refused(
        &tell(&server, "/forget", &json!({ "entry": entry, "version": VERSION })).await,
        409,
        "changed",
    );
    is_refused(
        &tell(&server, "/inspect", &json!({ "entry": entry, "version": VERSION })).await,
        422,
        "invalid",
    );
    assert!(order(&server, "secret-1").await.is_replay());
}

#[tokio::test]
async fn what_is_to_be_forgotten_is_an_entry_or_what_a_caller_holds() {
    let server = serve(Idempotency::builder(), &Gate::open());
    let entry = named("secret-1")["entry"].take();
    for (asked, detail) in [
        (json!({}), "or a `caller`"),
        (json!({ "version": VERSION }), "or a `caller`"),
        (json!({ "entry": entry, "version": VERSION, "caller": VERSION }), "or a `caller`"),
        (json!({ "version": VERSION, "caller": VERSION }), "or a `caller`"),
        (json!({ "caller": "secret" }), "16 digits"),
        (json!({ "caller": 7 }), "of another type"),
    ] {
        let refused = tell(&server, "/forget", &asked).await;
        is_refused(&refused, 422, "invalid");
        assert!(refused.json()["detail"].as_str().unwrap().contains(detail), "{refused:?}");
    }
    is_refused(&tell(&server, "/forget", &json!({ "caller": VERSION })).await, 404, "not_found");
}

#[tokio::test]
async fn a_key_has_to_look_as_the_applications_keys_do() {
    let server = serve(fresh().key_format(KeyFormat::Uuid), &Gate::open());
    let refused = tell(&server, "/inspect", &named("secret-1")).await;
    is_refused(&refused, 422, "invalid");
    assert!(refused.json()["detail"].as_str().unwrap().contains("UUID"), "{refused:?}");
}

#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_invalid() {
    let fixture = Fixture::new();
    fixture.dies_running("secret-1").await;
    let server = serve(fixture.process().max_response_body(1000), &Gate::open());
    let complete = |response: Value| json!({ "entry": named("secret-1")["entry"], "outcome": "complete", "response": response });
    let asked = [
        json!({ "entry": named("secret-1")["entry"] }),
        json!({ "entry": named("secret-1")["entry"], "outcome": "secret" }),
        json!({ "entry": named("secret-1")["entry"], "outcome": "complete" }),
        json!({ "entry": named("secret-1")["entry"], "outcome": "rerun", "response": { "status": 200 } }),
        complete(json!({})),
        complete(json!({ "status": 199 })),
        complete(json!({ "status": 600 })),
        complete(json!({ "status": 200, "headers": [["no name", "x"]] })),
        complete(json!({ "status": 200, "headers": [["link", "a\nb"]] })),
        complete(json!({ "status": 200, "headers": { "link": "secret" } })),
        complete(json!({ "status": 200, "headers": [["content-type", "text/event-stream"]] })),
        complete(json!({ "status": 200, "body": "x".repeat(1001) })),
        complete(json!({ "status": 200, "secret": "x" })),
    ];
    for asked in asked {
        is_refused(&tell(&server, "/resolve", &asked).await, 422, "invalid");
    }
    assert_eq!(order(&server, "secret-1").await.code(), "outcome_unknown");
    assert_eq!(tell(&server, "/resolve", &complete(json!({ "status": 200 }))).await.status, 200);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_invalid() {
    let server = serve(fresh(), &Gate::open());
    let long = format!("after={}", "0".repeat(1025));
    for query in ["limit=0", "limit=1001", "limit=secret", "limit=-1", "secret=1", "after=secret", &long] {
        is_refused(&read(&server, &format!("/stuck?{query}")).await, 422, "invalid");
    }
    assert_eq!(read(&server, "/stuck?limit=1000").await.json(), json!({ "entries": [], "next": null }));
}

#[tokio::test]
async fn a_body_that_is_too_long_too_slow_or_of_another_type_is_refused() {
    let server = serve(fresh().body_timeout(Duration::from_millis(20)), &Gate::open());
    for path in ["/inspect", "/forget"] {
        let long = json!({ "entry": { "key": "x".repeat(64 << 10) } });
        is_refused(&tell(&server, path, &long).await, 413, "too_large");
    }
    let long = json!({ "entry": { "key": "x".repeat((64 << 10) + (2 << 20)) } });
    is_refused(&tell(&server, "/resolve", &long).await, 413, "too_large");
    for path in ROUTES {
        let whole = from_operator(path, named("secret-1").to_string().as_bytes());
        is_refused(&told(send(&server, &whole[..whole.len() - 1]).await), 408, "too_slow");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let headers = ["X-Operator: me", &format!("Content-Type: {kind}")];
            let request =
                post(&format!("/idempotency{path}"), &headers, named("secret-1").to_string().as_bytes());
            is_refused(&told(send(&server, &request).await), 415, "not_json");
        }
    }
}

#[tokio::test]
async fn a_route_or_a_method_that_there_is_not_is_told() {
    let server = serve(fresh(), &Gate::open());
    for path in ["", "/", "/secret", "/inspect/secret"] {
        let refused = read(&server, path).await;
        is_refused(&refused, 404, "no_route");
    }
    for path in ROUTES {
        is_refused(&read(&server, path).await, 405, "no_method");
    }
    for path in ["/policies", "/counters", "/usage", "/stuck"] {
        is_refused(&tell(&server, path, &named("secret-1")).await, 405, "no_method");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_logged_and_its_secrets_are_not_told() {
    let collector = Collector::looking_at(LevelFilter::TRACE);
    let (store, install) = (Scripted::new(MemoryStore::new()), collector.installer());
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = TestServer::start(1, move |app| {
        install();
        app.app_data(idempotency.clone()).service(admin_scope(Header("x-operator", "me")));
    });
    for verb in [Verb::Inspect, Verb::Stuck, Verb::Resolve] {
        store.next(verb, 2, Fault::Fails);
    }
    for path in ["/inspect", "/forget"] {
        let mut asked = named("confidential");
        if path == "/forget" {
            asked["version"] = VERSION.into();
        }
        let refused = tell(&server, path, &asked).await;
        is_refused(&refused, 503, "store_failed");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    let asked = json!({ "entry": named("confidential")["entry"], "outcome": "rerun" });
    is_refused(&tell(&server, "/resolve", &asked).await, 503, "store_failed");
    is_refused(&read(&server, "/stuck").await, 503, "store_failed");
    is_refused(&read(&server, "/usage").await, 503, "store_failed");
    let output = collector.output();
    assert!(output.contains("secret-host:5432 said no"), "{output}");
    assert!(!output.contains("confidential"), "{output}");
}
