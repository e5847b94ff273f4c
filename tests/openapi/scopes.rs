//! Documents of what a middleware covers.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{
    Idempotency, Idempotent, KeySource, Replay, idempotent,
    openapi::{Documentation, unprotected},
};
use idempotent_tests::{alone, fresh, subscribers::hear_every_thread};
use serde_json::{Value, json};
use utoipa::{OpenApi, openapi::OpenApi as OpenApiDocument};

use crate::operation;

/// A handler that utoipa describes.
macro_rules! handler {
    ($name:ident, $method:ident, $path:literal $(, $idempotent:meta)?) => {
        #[utoipa::path($method, path = $path, responses(
            (status = 200, description = "done"), (status = 404, description = "not there")
        ))]
        $(#[$idempotent])?
        #[allow(dead_code, reason = "is only described")]
        async fn $name() -> HttpResponse {
            HttpResponse::Ok().finish()
        }
    };
}

handler!(covered_order, post, "/v1/orders");
handler!(covered_change, patch, "/v1/orders/{id}");
handler!(covered_removal, delete, "/v1/orders/{id}");
handler!(excepted_hook, post, "/v1/hooks/{id}", idempotent(key = "header:X-Delivery"));
handler!(excepted_bare, post, "/v1/bare/{id}");
handler!(annotated_below, post, "/v1/transfers", idempotent(key = "header:X-Transfer"));
handler!(elsewhere, post, "/v2/orders");
handler!(elsewhere_annotated, post, "/v2/transfers", idempotent);

#[derive(OpenApi)]
#[openapi(paths(
    covered_order,
    covered_change,
    covered_removal,
    excepted_hook,
    excepted_bare,
    annotated_below,
    elsewhere,
    elsewhere_annotated
))]
struct Api;

fn document(idempotency: &Idempotency) -> OpenApiDocument {
    let excepted = Idempotent::builder().except("/v1/hooks/{name}").except("/v1/bare/{id:[0-9]{3}}");
    let idempotent = excepted.ttl(Duration::from_secs(90_000)).key(KeySource::Query("key")).build().unwrap();
    let mut document = Api::openapi();
    Documentation::of(idempotency).under("/v1").covered_by(&idempotent).add_to(&mut document).unwrap();
    Documentation::of(idempotency).add_to(&mut document).unwrap();
    document
}

#[test]
fn what_is_covered_is_described_by_the_rules_of_the_middleware() {
    let document = document(&fresh().replay(Replay::Final).build().unwrap());
    for (path, method) in [("/v1/orders", "post"), ("/v1/orders/{id}", "patch"), ("/v1/transfers", "post")] {
        let operation = operation(&document, path, method);
        let told = &operation["x-idempotency"];
        assert_eq!((&told["ttl_seconds"], &told["replay"]), (&json!(90_000), &json!("final")), "{path}");
        assert_eq!(told["key"], json!({ "in": "query", "name": "key" }));
        // A 404 is never stored here, so it is no replay either.
        let header = |status: &str| operation["responses"][status]["headers"]["idempotent-replayed"].clone();
        assert!(header("200").is_object() && header("404").is_null(), "{operation:#}");
    }
    let told = |path, method| operation(&document, path, method)["x-idempotency"]["key"]["name"].clone();
    assert_eq!(told("/v1/hooks/{id}", "post"), "x-delivery");
    assert_eq!(told("/v2/transfers", "post"), "idempotency-key");
    for (path, method) in [("/v1/orders/{id}", "delete"), ("/v1/bare/{id}", "post"), ("/v2/orders", "post")] {
        assert_eq!(told(path, method), Value::Null, "{method} {path}");
    }
}

#[test]
fn what_is_covered_is_not_listed_as_unprotected() {
    let document = document(&fresh().build().unwrap());
    let listed: Vec<_> = unprotected(&document).iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["POST /v1/bare/{id}", "POST /v2/orders"]);
}

#[test]
fn an_annotated_handler_that_is_covered_is_told_of_with_its_pattern() {
    const TEST: &str = "scopes::an_annotated_handler_that_is_covered_is_told_of_with_its_pattern";
    let Some(said) = alone(TEST) else {
        hear_every_thread();
        tracing_subscriber::fmt().with_ansi(false).init();
        let idempotency = fresh().build().unwrap();
        let _ = [document(&idempotency), document(&idempotency)];
        return;
    };
    let told: Vec<_> = said.lines().filter(|line| line.contains("does nothing")).collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(
        told[0].contains("annotated_below") && told[0].contains(r#"except("/v1/transfers")"#),
        "{told:?}"
    );
}

handler!(tells_tenants_apart, post, "/v1/tenants", idempotent(headers = "X-Tenant"));

#[derive(OpenApi)]
#[openapi(paths(covered_order, tells_tenants_apart))]
struct WithTenants;

#[test]
fn a_handler_that_a_middleware_cannot_cover_is_not_described_and_told_of_with_its_argument() {
    const TEST: &str =
        "scopes::a_handler_that_a_middleware_cannot_cover_is_not_described_and_told_of_with_its_argument";
    let Some(said) = alone(TEST) else {
        hear_every_thread();
        tracing_subscriber::fmt().with_ansi(false).init();
        let (idempotency, mut document) = (fresh().build().unwrap(), WithTenants::openapi());
        let covering = Documentation::of(&idempotency).under("/v1").covered_by(&Idempotent::default());
        for documentation in [&covering, &covering, &Documentation::of(&idempotency)] {
            documentation.add_to(&mut document).unwrap();
        }
        assert!(operation(&document, "/v1/orders", "post")["x-idempotency"].is_object());
        assert_eq!(operation(&document, "/v1/tenants", "post")["x-idempotency"], false);
        let listed: Vec<_> = unprotected(&document).iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["POST /v1/tenants"]);
        return;
    };
    let told: Vec<_> = said.lines().filter(|line| line.contains("every request is a 500")).collect();
    assert_eq!(told.len(), 1, "{said}");
    let parts = ["ERROR", "`headers`", "tells_tenants_apart", r#"except("/v1/tenants")"#];
    assert!(parts.iter().all(|part| told[0].contains(part)), "{told:?}");
}
