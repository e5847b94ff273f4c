//! The settings of an application, as clients read them.

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode, post};
use idempotent_runtime::{
    Abandoned, IdempotencyBuilder, KeyFormat, ProblemFormat, Replay, Resolution, idempotent,
    openapi::Documentation,
};
use idempotent_tests::fresh;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::{codes, operation};

#[utoipa::path(responses((status = 201, description = "made")))]
#[post("/settings")]
#[idempotent]
async fn create_settings() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(responses((status = 201, description = "made")))]
#[post("/compared")]
#[idempotent(headers = "X-Api-Version, Accept")]
async fn create_compared() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[derive(OpenApi)]
#[openapi(paths(create_settings, create_compared))]
struct Api;

/// The document of an application with these settings.
fn document(builder: IdempotencyBuilder) -> utoipa::openapi::OpenApi {
    let mut document = Api::openapi();
    Documentation::of(&builder.build().unwrap()).add_to(&mut document).unwrap();
    document
}

fn of(builder: IdempotencyBuilder) -> Value {
    operation(&document(builder), "/settings", "post")
}

fn set() -> IdempotencyBuilder {
    fresh()
}

#[test]
fn the_header_has_the_name_and_the_format_that_are_set() {
    let operation = of(set().header_name("X-Request-Id").key_format(KeyFormat::Uuid));
    assert_eq!(operation["parameters"][0]["name"], "x-request-id");
    assert_eq!(operation["parameters"][0]["schema"]["format"], "uuid");
    assert_eq!(operation["x-idempotency"]["header"], "x-request-id");
}

#[test]
fn keys_that_tell_their_time_are_told_of() {
    let operation = of(set().key_format(KeyFormat::UuidV7 { max_age: Duration::from_secs(100_000) }));
    let parameter = &operation["parameters"][0];
    assert_eq!(parameter["schema"]["format"], "uuid");
    assert_eq!(parameter["example"], "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert!(parameter["description"].as_str().unwrap().contains("refused 100000 seconds after"));
    assert_eq!(operation["x-idempotency"]["key_max_age_seconds"], 100_000);
    assert!(codes(&operation, "409").contains(&"key_expired".to_owned()));
    assert_eq!(of(set())["x-idempotency"]["key_max_age_seconds"], Value::Null);
}

#[test]
fn refusals_that_no_retry_mends_have_the_header_for_sdks_where_it_is_set() {
    for says_so in [false, true] {
        let operation = of(set().should_retry_header(says_so));
        let header = |status: &str| operation["responses"][status]["headers"]["x-should-retry"].clone();
        for status in ["400", "409", "413"] {
            let expected = if says_so { json!(["false"]) } else { Value::Null };
            assert_eq!(header(status)["schema"]["enum"], expected, "{status}");
        }
        assert_eq!([header("408"), header("503")], [Value::Null, Value::Null]);
    }
}

#[test]
fn endpoints_tell_which_headers_they_compare() {
    assert_eq!(of(set())["x-idempotency"]["compared_headers"], Value::Null);
    let compared = operation(&document(set()), "/compared", "post");
    assert_eq!(compared["x-idempotency"]["compared_headers"], json!(["accept", "x-api-version"]));
}

#[test]
fn what_an_attribute_leaves_out_is_told_as_it_is_in_force() {
    let (hour, five) = (Duration::from_secs(3600), Duration::from_secs(5));
    let set = set().ttl(hour).wait(five).required(false).replay(Replay::Success);
    let operation = of(set.abandoned(Abandoned::Rerun).remember_expired_keys(hour));
    let told = &operation["x-idempotency"];
    assert_eq!((&told["ttl_seconds"], &told["remembered_seconds"]), (&json!(3600), &json!(7200)));
    assert_eq!((&told["wait_seconds"], &told["required"]), (&json!(5.0), &json!(false)));
    assert_eq!((&told["replay"], &told["abandoned"]), (&json!("success"), &json!("rerun")));
    let parameter = &operation["parameters"][0];
    assert_eq!(parameter["required"], false);
    assert!(parameter["description"].as_str().unwrap().contains("for 3600 seconds"));
    assert!(!codes(&operation, "400").contains(&"key_missing".to_owned()));
}

#[test]
fn a_scope_with_settings_of_its_own_is_told_by_its_own_handle() {
    let idempotency = set().build().unwrap();
    let own = idempotency.with(|settings| settings.ttl(Duration::from_secs(3600))).unwrap();
    let mut document = Api::openapi();
    Documentation::of(&own).under("/compared").add_to(&mut document).unwrap();
    Documentation::of(&idempotency).add_to(&mut document).unwrap();
    let ttl = |path| operation(&document, path, "post")["x-idempotency"]["ttl_seconds"].clone();
    assert_eq!([ttl("/compared"), ttl("/settings")], [json!(3600), json!(86400)]);
}

#[test]
fn a_reused_key_has_the_status_that_is_set() {
    let operation = of(set().reused_status(StatusCode::UNPROCESSABLE_ENTITY));
    assert_eq!(codes(&operation, "422"), ["key_reused"]);
    assert_eq!(codes(&operation, "409"), ["in_progress", "outcome_unknown", "response_not_stored"]);
}

#[test]
fn expired_keys_are_told_of_where_they_are_remembered() {
    let operation = of(set().remember_expired_keys(Duration::from_secs(60)));
    assert!(codes(&operation, "409").contains(&"key_expired".to_owned()));
    assert_eq!(operation["x-idempotency"]["remembered_seconds"], 86460);
}

#[test]
fn problems_have_the_types_that_are_set() {
    let operation = of(set().problem_type_base("https://shop.example/problems"));
    let examples = &operation["responses"]["413"]["content"]["application/problem+json"]["examples"];
    assert_eq!(examples["body_too_large"]["value"]["type"], "https://shop.example/problems/body_too_large");
}

#[test]
fn simple_errors_are_documented_as_they_are_sent() {
    let document = document(set().problem_format(ProblemFormat::Simple));
    let error = &operation(&document, "/settings", "post")["responses"]["400"]["content"]["application/json"];
    assert_eq!(error["schema"]["$ref"], "#/components/schemas/IdempotencyError");
    assert_eq!(error["examples"]["key_missing"]["value"], json!({ "error": "Idempotency-Key required" }));
    let schemas = crate::json(&document)["components"]["schemas"].clone();
    assert_eq!(schemas["IdempotencyError"]["required"], json!(["error"]));
    assert!(schemas["IdempotencyProblem"].is_null());
}

#[test]
fn a_format_of_the_application_is_asked_for_its_examples() {
    let format = ProblemFormat::custom(|refusal| match refusal.status().as_u16() {
        409 => HttpResponse::Locked().json(json!({ "reason": refusal.code().as_str() })),
        _ => HttpResponse::build(refusal.status()).content_type("text/plain; charset=utf-8").body("no"),
    });
    let operation = of(set().problem_format(format));
    let locked = &operation["responses"]["423"]["content"]["application/json"];
    assert_eq!(locked["examples"]["in_progress"]["value"], json!({ "reason": "in_progress" }));
    assert!(locked["schema"].is_null());
    assert!(operation["responses"]["409"].is_null());
    let bad = &operation["responses"]["400"]["content"]["text/plain"];
    assert_eq!(bad["examples"]["key_missing"]["value"], "no");
}

#[test]
fn limits_and_hooks_are_told_of() {
    let operation = of(set()
        .max_request_body(100)
        .reconcile(async |_: &idempotent_runtime::AbandonedExecution| Resolution::Rerun));
    assert_eq!(operation["x-idempotency"]["max_body_bytes"], 100);
    assert_eq!(operation["x-idempotency"]["abandoned"], "reconcile");
}
