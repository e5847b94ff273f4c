//! Each argument of the attribute, as clients read it.

use actix_web::HttpResponse;
use idempotent_runtime::{idempotent, openapi::Policies};
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::{codes, operation};

fn by_size(_: &actix_web::HttpRequest, body: &[u8]) -> Vec<u8> {
    body.len().to_be_bytes().to_vec()
}

/// A handler for `POST` of a path, with these arguments.
macro_rules! handler {
    ($name:ident, $path:literal $(, $($args:tt)*)?) => {
        #[utoipa::path(post, path = $path, responses(
            (status = 201, description = "made"),
            (status = 302, description = "elsewhere"),
            (status = 401, description = "who?"),
            (status = 404, description = "nowhere"),
            (status = 421, description = "not here"),
            (status = 429, description = "later"),
            (status = 500, description = "failed"),
            (status = "default", description = "anything"),
        ))]
        #[idempotent($($($args)*)?)]
        #[allow(dead_code, reason = "is only described")]
        async fn $name() -> HttpResponse {
            HttpResponse::Created().finish()
        }
    };
}

handler!(plain, "/plain");
handler!(
    everything,
    "/everything",
    ttl = "3d",
    scope = "global",
    required = false,
    wait = "2s",
    replay = "success",
    fingerprint = "canonical",
    abandoned = "rerun"
);
handler!(grouped, "/grouped", scope = "group:money", replay = "final", fingerprint = "by_size", wait = "0s");
handler!(moved, "/moved", transaction);

#[derive(OpenApi)]
#[openapi(paths(plain, everything, grouped, moved), modifiers(&Policies))]
struct Api;

fn of(path: &str) -> Value {
    operation(&Api::openapi(), path, "post")
}

/// The responses that may be a replay.
fn replayed(operation: &Value) -> Vec<String> {
    let responses = operation["responses"].as_object().unwrap().iter();
    let replayed = responses.filter(|(_, response)| response["headers"]["idempotent-replayed"].is_object());
    replayed.map(|(status, _)| status.clone()).collect()
}

#[test]
fn the_extension_says_what_the_arguments_say() {
    assert_eq!(
        of("/plain")["x-idempotency"],
        json!({
            "header": "idempotency-key", "key": { "in": "header", "name": "idempotency-key" }, "required": true, "ttl_seconds": 86400, "remembered_seconds": 86400, "scope": "endpoint",
            "wait_seconds": 10.0, "replay": "all", "fingerprint": "raw", "abandoned": "refuse", "transaction": false,
            "max_body_bytes": 1_048_576,
        })
    );
    assert_eq!(
        of("/everything")["x-idempotency"],
        json!({
            "header": "idempotency-key", "key": { "in": "header", "name": "idempotency-key" }, "required": false, "ttl_seconds": 259_200, "remembered_seconds": 259_200, "scope": "global",
            "wait_seconds": 2.0, "replay": "success", "fingerprint": "canonical", "abandoned": "rerun", "transaction": false,
            "max_body_bytes": 1_048_576,
        })
    );
    let grouped = &of("/grouped")["x-idempotency"];
    assert_eq!(grouped["scope"], "group:money");
    assert_eq!(grouped["replay"], "final");
    assert_eq!(grouped["fingerprint"], "custom");
    assert_eq!(grouped["wait_seconds"], 0.0);
}

#[test]
fn a_transaction_says_what_it_decides_by_itself() {
    let moved = &of("/moved")["x-idempotency"];
    assert_eq!(moved["transaction"], true);
    assert_eq!(moved["abandoned"], "rerun");
    assert_eq!(moved["replay"], "final");
}

#[test]
fn the_key_is_a_parameter_required_or_optional() {
    let parameter = &of("/plain")["parameters"][0];
    assert_eq!(parameter["in"], "header");
    assert_eq!(parameter["required"], true);
    assert_eq!(parameter["example"], "8e03978e-40d5-43dd-bc93-6894a57f9324");
    assert_eq!(parameter["schema"]["maxLength"], 255);
    assert!(parameter["description"].as_str().unwrap().contains("86400 seconds"));
    let optional = &of("/everything")["parameters"][0];
    assert_eq!(optional["required"], false);
    assert!(optional["description"].as_str().unwrap().contains("executed again"));
}

#[test]
fn the_refusals_of_a_policy_have_an_example_each() {
    let plain = of("/plain");
    assert_eq!(codes(&plain, "400"), ["key_invalid", "key_missing"]);
    assert_eq!(codes(&plain, "408"), ["body_timeout"]);
    assert_eq!(codes(&plain, "409"), ["in_progress", "key_reused", "outcome_unknown", "response_not_stored"]);
    assert_eq!(codes(&plain, "413"), ["body_too_large"]);
    assert_eq!(codes(&plain, "429"), ["too_many_keys"]);
    assert_eq!(codes(&plain, "503"), ["shutting_down", "store_full", "store_unavailable"]);
    assert_eq!(codes(&of("/everything"), "400"), ["key_invalid"]);
    let problem = &plain["responses"]["409"]["content"]["application/problem+json"];
    assert_eq!(problem["schema"]["$ref"], "#/components/schemas/IdempotencyProblem");
    let example = &problem["examples"]["key_reused"]["value"];
    assert_eq!(example["status"], 409);
    assert_eq!(example["code"], "key_reused");
    assert_eq!(example["retryable"], false);
    assert_eq!(example["idempotency_key"], "8e03978e-40d5-43dd-bc93-6894a57f9324");
    assert_eq!(plain["responses"]["409"]["headers"]["retry-after"]["schema"]["type"], "integer");
    assert!(plain["responses"]["400"]["headers"]["retry-after"].is_null());
}

#[test]
fn the_responses_that_are_stored_may_be_replays() {
    // The handlers' own `default` goes on to hold beside the refusals.
    assert_eq!(replayed(&of("/plain")), ["201", "302", "400", "404", "409", "413", "500", "503", "default"]);
    assert_eq!(replayed(&of("/grouped")), ["201", "302", "400", "404", "409", "413", "default"]);
    assert_eq!(replayed(&of("/moved")), ["201", "302", "400", "404", "409", "413", "default"]);
    assert_eq!(replayed(&of("/everything")), ["201", "302", "default"]);
}

#[test]
fn the_schema_of_refusals_names_what_is_always_there() {
    let document = crate::json(&Api::openapi());
    let schema = &document["components"]["schemas"]["IdempotencyProblem"];
    let required = json!(["type", "title", "status", "detail", "instance", "code", "retryable"]);
    assert_eq!(schema["required"], required);
    assert_eq!(schema["properties"]["idempotency_key"]["type"], "string");
}
