//! An entry is found by its name, and by no other.

use actix_web::{HttpResponse, Responder, http::Method, post, web};
use idempotent_runtime::{
    EntryName, Idempotency, IdempotencyBuilder, Principal, Resolution, Resolved, idempotent,
};
use idempotent_tests::{Http1, TestServer, fresh, post};

use crate::gate::within;

/// An application in which every scope is used.
struct Shop {
    server: TestServer,
    idempotency: Idempotency,
}

impl Shop {
    fn new(set: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder) -> Shop {
        let idempotency = set(fresh()).build().unwrap();
        let data = idempotency.clone();
        let server = TestServer::start(1, move |app| {
            app.app_data(data.clone()).service(
                web::scope("/shops/{shop}")
                    .service((by_endpoint, by_resource, by_group))
                    .service(web::resource("/global").route(web::put().to(by_global))),
            );
        });
        Shop { server, idempotency }
    }

    /// Has a request run with this header's value as its key.
    async fn has_run(&self, method: &str, path: &str, key: &str, customer: &str) {
        let request =
            post(path, &[&format!("Idempotency-Key: {key}"), &format!("X-Customer: {customer}")], b"tea");
        let request = [method.as_bytes(), &request[4..]].concat();
        let reply = within(Http1::once(self.server.address(), &request)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    /// True where there is an entry of this name. The entry has an outcome, so that nothing is done
    /// to it.
    async fn knows(&self, entry: &EntryName) -> bool {
        match self.idempotency.resolve(entry, Resolution::Refuse).await.unwrap() {
            Resolved::Settled => true,
            Resolved::NotFound => false,
            other => panic!("{other:?}"),
        }
    }

    async fn knows_only(&self, entry: EntryName, others: Vec<EntryName>) {
        assert!(self.knows(&entry).await, "{entry:?}");
        for other in others {
            assert!(!self.knows(&other).await, "{other:?}");
        }
    }
}

#[post("/orders/{id}")]
#[idempotent(scope = "endpoint")]
async fn by_endpoint() -> impl Responder {
    HttpResponse::Created()
}

#[post("/orders/{id}/items")]
#[idempotent(scope = "resource")]
async fn by_resource() -> impl Responder {
    HttpResponse::Created()
}

#[idempotent(scope = "global")]
async fn by_global() -> impl Responder {
    HttpResponse::Created()
}

#[post("/grouped")]
#[idempotent(scope = "group:payments")]
async fn by_group() -> impl Responder {
    HttpResponse::Created()
}

fn customer(request: &actix_web::HttpRequest) -> Result<Principal, actix_web::Error> {
    match request.headers().get("x-customer") {
        Some(name) if !name.is_empty() => Ok(Principal::new(name)),
        _ => Ok(Principal::anonymous()),
    }
}

const PATTERN: &str = "/shops/{shop}/orders/{id}";

#[tokio::test]
async fn an_endpoints_entry_is_named_by_method_and_pattern() {
    let shop = Shop::new(|builder| builder);
    shop.has_run("POST", "/shops/1/orders/7", "k", "").await;
    let others = vec![
        EntryName::endpoint(Method::PUT, PATTERN, "k"),
        EntryName::endpoint(Method::POST, "/orders/{id}", "k"),
        EntryName::endpoint(Method::POST, "/shops/1/orders/7", "k"),
        EntryName::endpoint(Method::POST, PATTERN, "K"),
        EntryName::endpoint(Method::POST, PATTERN, "k").principal(Principal::new("")),
        EntryName::resource(Method::POST, PATTERN, "k"),
        EntryName::resource(Method::POST, "/shops/1/orders/7", "k"),
        EntryName::global("k"),
        EntryName::group("payments", "k"),
    ];
    shop.knows_only(EntryName::endpoint(Method::POST, PATTERN, "k"), others).await;
}

#[tokio::test]
async fn a_resources_entry_is_named_by_method_and_path() {
    let shop = Shop::new(|builder| builder);
    shop.has_run("POST", "/shops/a%20b/orders/7/items?dry=1", "k", "").await;
    let others = vec![
        EntryName::resource(Method::POST, "/shops/{shop}/orders/{id}/items", "k"),
        EntryName::resource(Method::POST, "/shops/2/orders/7/items", "k"),
        EntryName::endpoint(Method::POST, "/shops/a%20b/orders/7/items", "k"),
    ];
    shop.knows_only(EntryName::resource(Method::POST, "/shops/a%20b/orders/7/items", "k"), others).await;
}

#[tokio::test]
async fn the_entries_of_an_application_and_of_a_group_are_named_by_their_keys() {
    let shop = Shop::new(|builder| builder);
    shop.has_run("PUT", "/shops/1/global", "g", "").await;
    shop.has_run("POST", "/shops/1/grouped", "p", "").await;
    shop.knows_only(EntryName::global("g"), vec![EntryName::global("p"), EntryName::group("global", "g")])
        .await;
    let others = vec![EntryName::group("payments", "g"), EntryName::group("payment", "p")];
    shop.knows_only(EntryName::group("payments", "p"), others).await;
}

#[tokio::test]
async fn an_entry_is_named_by_its_principal() {
    let shop = Shop::new(|builder| builder.principal(customer));
    for (path, entry) in [
        ("/shops/1/orders/7", EntryName::endpoint(Method::POST, PATTERN, "k")),
        ("/shops/1/orders/7/items", EntryName::resource(Method::POST, "/shops/1/orders/7/items", "k")),
        ("/shops/1/grouped", EntryName::group("payments", "k")),
    ] {
        shop.has_run("POST", path, "k", "alice").await;
        let others = vec![entry.clone(), entry.clone().principal(Principal::new("bob"))];
        shop.knows_only(entry.clone().principal(Principal::new("alice")), others).await;
        shop.has_run("POST", path, "k", "").await;
        shop.knows_only(entry.clone(), vec![entry.principal(Principal::new(""))]).await;
    }
}

#[tokio::test]
async fn an_entry_belongs_to_its_namespace() {
    let store = idempotent_runtime::MemoryStore::new();
    let shop = |namespace: &str| Shop::new(|builder| builder.store(store.clone()).namespace(namespace));
    let (tea, coffee) = (shop("tea"), shop("coffee"));
    tea.has_run("POST", "/shops/1/orders/7", "k", "").await;
    let entry = EntryName::endpoint(Method::POST, PATTERN, "k");
    assert_eq!((tea.knows(&entry).await, coffee.knows(&entry).await), (true, false));
    assert!(shop("tea").knows(&entry).await);
    assert!(coffee.knows(&entry.clone().namespace("tea")).await, "it is named");
    assert!(!tea.knows(&entry.namespace("coffee")).await);
}

#[tokio::test]
async fn a_key_is_written_as_a_client_writes_it() {
    let shop = Shop::new(|builder| builder);
    shop.has_run("PUT", "/shops/1/global", r#""a \"b\", c";v=1"#, "").await;
    shop.has_run("PUT", "/shops/1/global", "bare;v=1", "").await;
    for key in [r#""a \"b\", c""#, r#" "a \"b\", c";v=2 "#, "bare;v=1", r#""bare;v=1""#] {
        assert!(shop.knows(&EntryName::global(key)).await, "{key}");
    }
    assert!(!shop.knows(&EntryName::global("bare")).await);
}

#[tokio::test]
async fn an_entry_tells_its_endpoint_whatever_its_scope() {
    let shop = Shop::new(|builder| builder);
    for (method, path, endpoint, entry) in [
        ("POST", "/shops/1/orders/7", PATTERN, EntryName::endpoint(Method::POST, PATTERN, "k")),
        (
            "POST",
            "/shops/1/orders/7/items",
            "/shops/{shop}/orders/{id}/items",
            EntryName::resource(Method::POST, "/shops/1/orders/7/items", "k"),
        ),
        ("PUT", "/shops/1/global", "/shops/{shop}/global", EntryName::global("k")),
        ("POST", "/shops/1/grouped", "/shops/{shop}/grouped", EntryName::group("payments", "k")),
    ] {
        shop.has_run(method, path, "k", "").await;
        let found = shop.idempotency.inspect(&entry).await.unwrap().unwrap();
        assert_eq!(found.endpoint(), format!("{method} {endpoint}"));
    }
}

#[test]
fn a_name_shows_neither_key_nor_principal() {
    let entry = EntryName::endpoint(Method::POST, PATTERN, "secret").principal(Principal::new("secret"));
    let shown = format!("{entry:?}");
    assert!(shown.contains(PATTERN) && !shown.contains("secret"), "{shown}");
}
