//! `orders`, from the first order to the end of the process.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::Stdio,
};

use idempotent_runtime::store::Token;
use idempotent_tests::{
    Connection, Reply, post,
    program::{Program, command},
    redis_server::RedisServer,
    scratch::Scratch,
    space::Space,
    stores::database_url,
};

const TEA: &str = r#"{"items":[{"sku":"tea","quantity":2}]}"#;
const MUG: &str = r#"{"items":[{"sku":"mug","quantity":1}]}"#;

fn send(shop: &Program, path: &str, key: Option<&str>, body: &str) -> Reply {
    let key = key.map(|key| format!("Idempotency-Key: {key}"));
    let mut headers = vec!["Content-Type: application/json"];
    headers.extend(key.as_deref());
    shop.connect().exchange(&post(path, &headers, body.as_bytes()))
}

fn get(shop: &Program, path: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    Connection::open(shop.address()).exchange(request.as_bytes())
}

#[test]
fn an_order_sent_twice_is_made_once() {
    let shop = Program::start("orders");
    let first = send(&shop, "/orders", Some("a"), TEA);
    let retry = send(&shop, "/orders", Some("a"), TEA);
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    assert_eq!((retry.status, retry.is_replay()), (201, true), "{retry:?}");
    assert_eq!(first.body, retry.body);
    assert_eq!(retry.header("location"), Some("/orders/1"));
    assert_eq!(first.json()["total_cents"], 900);

    let orders = get(&shop, "/orders").json();
    assert_eq!(orders.as_array().unwrap().len(), 1, "{orders}");
    assert_eq!(get(&shop, "/orders/1").json(), first.json());
    assert_eq!(get(&shop, "/orders/2").status, 404);
}

#[test]
fn a_key_with_another_order_is_reused_and_no_key_is_refused() {
    let shop = Program::start("orders");
    assert_eq!(send(&shop, "/orders", Some("a"), TEA).status, 201);
    let other = send(&shop, "/orders", Some("a"), MUG);
    let missing = send(&shop, "/orders", None, MUG);
    assert_eq!((other.status, other.code().as_str()), (409, "key_reused"), "{other:?}");
    assert_eq!((missing.status, missing.code().as_str()), (400, "key_missing"), "{missing:?}");
    assert_eq!(get(&shop, "/orders").json().as_array().unwrap().len(), 1);
}

#[test]
fn an_order_that_cannot_be_filled_is_told_why_and_told_again() {
    let shop = Program::start("orders");
    let order = r#"{"items":[{"sku":"tea","quantity":0},{"sku":"car","quantity":1}]}"#;
    let first = send(&shop, "/orders", Some("a"), order);
    let retry = send(&shop, "/orders", Some("a"), order);
    assert_eq!(first.status, 422, "{first:?}");
    assert_eq!(first.json()["fields"][0]["field"], "items[0].quantity");
    assert_eq!(first.json()["fields"][1]["field"], "items[1].sku");
    assert_eq!((retry.status, retry.is_replay(), &retry.body), (422, true, &first.body));
    assert_eq!(get(&shop, "/orders").json(), serde_json::json!([]));
}

#[test]
fn prometheus_reads_how_orders_ended() {
    let shop = Program::start("orders");
    for order in [TEA, TEA, MUG] {
        send(&shop, "/orders", Some("a"), order);
    }
    let metrics = get(&shop, "/metrics");
    for outcome in ["executed", "replayed", "key_reused"] {
        let labels = format!(r#"handler="orders::create_order",route="/orders",outcome="{outcome}""#);
        let line = format!("idempotent_requests_total{{{labels}}} 1");
        assert!(metrics.text().lines().any(|told| told == line), "{line} in {}", metrics.text());
    }
    for line in ["idempotent_executions_running 0", "idempotent_memory_entries 1"] {
        assert!(metrics.text().lines().any(|told| told == line), "{line} in {}", metrics.text());
    }
    assert!(metrics.text().contains(r#"idempotent_store_seconds_bucket{verb="claim",le="+Inf"} "#));
}

/// Replies to an operator who sends this token.
fn as_operator(shop: &Program, token: &str) -> [Reply; 2] {
    let authorization = format!("Authorization: Bearer {token}");
    let counters = format!("GET /idempotency/counters HTTP/1.1\r\nHost: test\r\n{authorization}\r\n\r\n");
    let order = br#"{"entry":{"method":"POST","route":"/orders","key":"a"}}"#;
    let look = post("/idempotency/inspect", &[&authorization, "Content-Type: application/json"], order);
    [shop.connect().exchange(counters.as_bytes()), shop.connect().exchange(&look)]
}

#[test]
fn operators_see_how_orders_ended() {
    let shop = Program::start_with("orders", &[("ADMIN_TOKEN", "secret")]);
    for order in [TEA, TEA, MUG] {
        send(&shop, "/orders", Some("a"), order);
    }
    let [counters, looked] = as_operator(&shop, "secret");
    let outcomes = serde_json::json!({ "executed": 1, "replayed": 1, "key_reused": 1 });
    assert_eq!(counters.json()["endpoints"][0]["outcomes"], outcomes, "{counters:?}");
    assert_eq!((&looked.json()["state"], &looked.json()["status"]), (&"completed".into(), &201.into()));
    for refused in as_operator(&shop, "Secret") {
        assert_eq!(refused.status, 404, "{refused:?}");
    }
}

#[test]
fn operators_open_the_console_without_a_token_and_find_no_data_in_it() {
    let shop = Program::start_with("orders", &[("ADMIN_TOKEN", "secret")]);
    let page = get(&shop, "/idempotency/console");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8")),
        "{page:?}"
    );
    assert_eq!(get(&shop, "/idempotency/console/main.js").status, 200);
    assert_eq!(get(&shop, "/idempotency/stuck").status, 404);
    assert_eq!(get(&Program::start("orders"), "/idempotency/console").status, 404);
}

#[test]
fn a_shop_without_operators_has_nothing_for_them() {
    for refused in as_operator(&Program::start("orders"), "") {
        assert_eq!(refused.status, 404, "{refused:?}");
    }
}

#[test]
fn clients_can_read_what_each_endpoint_asks_of_them() {
    let document = get(&Program::start("orders"), "/openapi.json").json();
    for (path, required, scope) in [
        ("/orders", true, "endpoint"),
        ("/accounts/{id}/transfers", true, "resource"),
        ("/subscriptions", false, "endpoint"),
    ] {
        let operation = &document["paths"][path]["post"];
        let parameters = operation["parameters"].as_array().unwrap();
        let key = parameters.iter().find(|parameter| parameter["name"] == "idempotency-key").unwrap();
        assert_eq!(key["required"], required, "{path}");
        assert_eq!(operation["x-idempotency"]["scope"], scope, "{path}");
        assert!(operation["responses"]["409"].is_object(), "{path}");
    }
}

#[test]
fn an_order_that_cannot_be_read_leaves_its_key_free() {
    let shop = Program::start("orders");
    let broken = send(&shop, "/orders", Some("a"), r#"{"items":"#);
    assert_eq!((broken.status, broken.is_replay()), (400, false), "{broken:?}");
    assert!(broken.json()["error"].is_string());
    assert_eq!(send(&shop, "/orders", Some("a"), TEA).status, 201);
}

#[test]
fn a_key_on_two_accounts_is_two_transfers() {
    let shop = Program::start("orders");
    let rent = r#"{"to":"carol","amount_cents":50000}"#;
    let alice = send(&shop, "/accounts/alice/transfers", Some("rent"), rent);
    let bob = send(&shop, "/accounts/bob/transfers", Some("rent"), rent);
    let again = send(&shop, "/accounts/alice/transfers", Some("rent"), rent);
    assert_eq!((alice.status, bob.status), (201, 201), "{alice:?} {bob:?}");
    assert_eq!((alice.json()["id"].as_u64(), bob.json()["id"].as_u64()), (Some(1), Some(2)));
    assert!(!bob.is_replay());
    assert_eq!((again.is_replay(), again.body), (true, alice.body));
}

#[test]
fn a_subscription_takes_a_key_and_needs_none() {
    let shop = Program::start("orders");
    let body = r#"{"email":"alice@example.org"}"#;
    let ids = [None, None, Some("a"), Some("a")].map(|key| {
        let reply = send(&shop, "/subscriptions", key, body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_u64().unwrap()
    });
    assert_eq!(ids, [1, 2, 3, 3]);
}

#[test]
fn sigterm_ends_it_with_success() {
    let mut shop = Program::start("orders");
    assert_eq!(send(&shop, "/orders", Some("a"), TEA).status, 201);
    shop.terminate();
    let status = shop.ended();
    assert_eq!(status.code(), Some(0), "{status}");
}

/// Sends an order, kills the shop and opens another one on the same store, and sends it again.
fn order_again_after_a_crash(store: &str) -> Reply {
    let key = Token::random().unwrap().as_bytes().map(|byte| format!("{byte:02x}")).concat();
    let first = {
        let shop = Program::start_with("orders", &[("STORE", store)]);
        send(&shop, "/orders", Some(&key), TEA)
    };
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    let shop = Program::start_with("orders", &[("STORE", store)]);
    let retry = send(&shop, "/orders", Some(&key), TEA);
    assert_eq!(retry.body, first.body);
    retry
}

#[test]
fn keys_in_memory_end_with_the_process() {
    assert!(!order_again_after_a_crash("memory").is_replay());
}

#[test]
fn keys_in_a_file_outlive_the_process() {
    let folder = Scratch::new();
    assert!(order_again_after_a_crash(&format!("sqlite:{}", folder.file("keys.db").display())).is_replay());
}

#[test]
fn keys_in_redis_outlive_the_process() {
    let server = tokio::runtime::Runtime::new().unwrap().block_on(RedisServer::start(&[]));
    assert!(order_again_after_a_crash(&server.url()).is_replay());
}

#[test]
fn keys_in_postgres_outlive_the_process() {
    let space = Space::at(&database_url());
    assert!(order_again_after_a_crash(&space.database()).is_replay());
}

/// Text that the shop prints when it cannot start.
fn refusal(name: &str, value: &str) -> String {
    let mut shop =
        command("orders").env("PORT", "0").env(name, value).stderr(Stdio::piped()).spawn().unwrap();
    let status = shop.wait().unwrap();
    let mut message = String::new();
    shop.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!(status.code(), Some(1), "{status}");
    message
}

#[test]
fn a_store_that_is_none_is_a_clear_message() {
    let message = refusal("STORE", "mongo://x");
    assert!(message.starts_with("STORE can be memory, sqlite:PATH, redis://"), "{message}");
    assert!(message.contains("not mongo"), "{message}");
}

#[test]
fn the_url_of_a_store_which_may_hold_a_password_is_not_printed() {
    let url = database_url();
    let more = if url.contains('?') { '&' } else { '?' };
    let store = format!("{url}{more}application_name=n0t-told");
    let mut shop = command("orders").env("PORT", "0").env("STORE", store).spawn().unwrap();
    let said = BufReader::new(shop.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = said.inspect(|line| assert!(!line.contains("n0t-told"), "{line}"));
    let last = said.find(|line| line.starts_with("# Ctrl-C"));
    shop.kill().unwrap();
    shop.wait().unwrap();
    assert!(last.as_ref().is_some_and(|last| last.contains("kept in PostgreSQL")), "{last:?}");
    for refused in ["mysql://shop:n0t-told@db/shop", "postgres://shop:n0t-told@127.0.0.1:1/shop"] {
        let message = refusal("STORE", refused);
        assert!(!message.is_empty() && !message.contains("n0t-told"), "{message}");
    }
}

#[test]
fn a_port_in_use_is_a_clear_message() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = refusal("PORT", &port);
    assert!(message.starts_with(&format!("cannot listen on port {port} (")), "{message}");
}
