//! Places of keys, as documents tell of them.

use actix_web::{HttpRequest, HttpResponse, post};
use idempotent_runtime::{KeyFormat, idempotent, openapi::Documentation};
use idempotent_tests::fresh;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::operation;

#[utoipa::path(responses((status = 201, description = "made by header")))]
#[post("/by-header")]
#[idempotent(key = "header:X-GitHub-Delivery")]
async fn by_header() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(responses((status = 201, description = "made by query")))]
#[post("/by-query")]
#[idempotent(key = "query:event_id")]
async fn by_query() -> HttpResponse {
    HttpResponse::Created().finish()
}

/// Takes an event.
#[utoipa::path(responses((status = 201, description = "made by json")))]
#[post("/by-json")]
#[idempotent(key = "json:/data/id")]
async fn by_json() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(responses((status = 201, description = "made by form")))]
#[post("/by-form")]
#[idempotent(key = "form:event_id", required = false)]
async fn by_form() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn find(_: &HttpRequest, _: &[u8]) -> Option<String> {
    None
}

#[utoipa::path(responses((status = 201, description = "made by function")))]
#[post("/by-function")]
#[idempotent(key = "find")]
async fn by_function() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[derive(OpenApi)]
#[openapi(paths(by_header, by_query, by_json, by_form, by_function))]
struct Api;

fn of(path: &str) -> Value {
    let mut document = Api::openapi();
    Documentation::of(&fresh().build().unwrap()).within(module_path!()).add_to(&mut document).unwrap();
    operation(&document, path, "post")
}

#[test]
fn a_key_in_a_header_or_in_the_query_is_a_parameter() {
    for (path, place, name) in
        [("/by-header", "header", "x-github-delivery"), ("/by-query", "query", "event_id")]
    {
        let operation = of(path);
        let parameter = &operation["parameters"][0];
        assert_eq!((&parameter["in"], &parameter["name"]), (&json!(place), &json!(name)));
        assert_eq!(parameter["required"], true);
        assert_eq!(operation["x-idempotency"]["key"], json!({ "in": place, "name": name }));
        assert_eq!(operation["x-idempotency"]["header"].is_string(), place == "header");
    }
}

#[test]
fn a_key_elsewhere_is_told_of_in_the_description() {
    for (path, place, name, told) in [
        ("/by-json", "json", "/data/id", "the value at `/data/id` in the JSON body"),
        ("/by-form", "form", "event_id", "the field `event_id` of the form"),
        ("/by-function", "function", "", "a part of the request that the server knows"),
    ] {
        let operation = of(path);
        let description = operation["description"].as_str().unwrap();
        assert!(description.contains(told), "{description}");
        assert!(operation["parameters"].as_array().is_none_or(Vec::is_empty), "{operation}");
        assert_eq!(operation["x-idempotency"]["key"], json!({ "in": place, "name": name }));
        assert!(operation["x-idempotency"]["header"].is_null());
    }
}

#[test]
fn refusals_are_documented_with_the_place_that_they_name() {
    let examples = &of("/by-json")["responses"]["400"]["content"]["application/problem+json"]["examples"];
    let detail = examples["key_missing"]["value"]["detail"].as_str().unwrap();
    assert!(detail.contains("/data/id"), "{detail}");
}

#[test]
fn the_format_of_keys_is_told_wherever_the_key_is() {
    let mut document = Api::openapi();
    let idempotency = fresh().key_format(KeyFormat::Uuid).build().unwrap();
    Documentation::of(&idempotency).within(module_path!()).add_to(&mut document).unwrap();
    assert_eq!(operation(&document, "/by-query", "post")["parameters"][0]["schema"]["format"], "uuid");
}
