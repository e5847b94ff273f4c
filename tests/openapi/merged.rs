//! Documentation that is written by hand: it stays, and what the policy says is added to it.

use actix_web::HttpResponse;
use idempotent_runtime::{idempotent, openapi::Policies};
use serde_json::Value;
use utoipa::{OpenApi, ToResponse, ToSchema};

use crate::{codes, operation};

#[derive(ToSchema)]
#[allow(dead_code, reason = "is only described")]
struct Mistake {
    error: String,
}

/// The thing is there already.
#[derive(ToResponse)]
#[allow(dead_code, reason = "is only described")]
struct Conflict(Mistake);

/// It was made.
#[derive(ToResponse)]
#[allow(dead_code, reason = "is only described")]
struct Made(Mistake);

#[utoipa::path(post, path = "/shared", responses((status = 201, response = Made)))]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn shared() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(post, path = "/by-hand",
    params(("Idempotency-Key" = String, Header, description = "Ours.", example = "mine")),
    responses(
        (status = 201, description = "made"),
        (status = 400, description = "No such thing", body = Mistake, example = json!({"error": "what?"})),
        (status = 409, response = Conflict),
        (status = 413, description = "Too large", body = Mistake, content_type = "application/problem+json",
            example = json!({"error": "much"})),
    ))]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn by_hand() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(post, path = "/ranges",
    params(("idempotency-key" = Option<String>, Header, description = "Ours.")),
    responses(
        (status = "4XX", description = "Wrong", body = Mistake),
        (status = "default", description = "Whatever"),
    ))]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn ranges() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[derive(OpenApi)]
#[openapi(paths(by_hand, ranges, shared), components(responses(Conflict, Made)), modifiers(&Policies))]
struct Api;

fn of(path: &str) -> Value {
    operation(&Api::openapi(), path, "post")
}

#[test]
fn a_documented_response_keeps_its_words_and_its_body() {
    let bad = &of("/by-hand")["responses"]["400"];
    assert!(bad["description"].as_str().unwrap().starts_with("No such thing\n- `key_invalid`: "), "{bad}");
    assert_eq!(bad["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Mistake");
    assert_eq!(bad["content"]["application/json"]["example"]["error"], "what?");
    assert_eq!(codes(&of("/by-hand"), "400"), ["key_invalid", "key_missing"]);
}

#[test]
fn a_shared_response_is_written_out_where_it_says_more() {
    let document = crate::json(&Api::openapi());
    let conflict = &of("/by-hand")["responses"]["409"];
    assert!(
        conflict["description"].as_str().unwrap().starts_with("The thing is there already."),
        "{conflict}"
    );
    assert!(conflict["content"]["application/json"]["schema"].is_object(), "{conflict}");
    assert!(conflict["content"]["application/problem+json"]["schema"].is_object(), "{conflict}");
    let shared = &document["components"]["responses"]["Conflict"];
    assert!(shared["content"]["application/problem+json"].is_null(), "{shared}");
}

#[test]
fn a_shared_success_has_the_headers_of_a_replay_where_it_may_be_one() {
    let made = &of("/shared")["responses"]["201"];
    assert_eq!(made["description"], "It was made.");
    for header in ["idempotent-replayed", "idempotency-stored"] {
        assert!(made["headers"][header].is_object(), "{made}");
    }
    let document = crate::json(&Api::openapi());
    let shared = &document["components"]["responses"]["Made"];
    assert!(shared.is_object() && shared["headers"]["idempotent-replayed"].is_null(), "{shared}");
}

#[test]
fn a_body_of_the_same_type_is_one_of_two() {
    let large = &of("/by-hand")["responses"]["413"]["content"]["application/problem+json"];
    assert_eq!(large["schema"]["anyOf"][0]["$ref"], "#/components/schemas/Mistake");
    assert_eq!(large["schema"]["anyOf"][1]["$ref"], "#/components/schemas/IdempotencyProblem");
    assert!(large["example"].is_null(), "{large}");
    assert_eq!(large["examples"]["documented"]["value"]["error"], "much");
    assert_eq!(large["examples"]["body_too_large"]["value"]["code"], "body_too_large");
}

#[test]
fn a_range_goes_on_to_hold_for_a_status_that_is_written_out() {
    let ranges = of("/ranges");
    let conflict = &ranges["responses"]["409"];
    assert!(conflict["description"].as_str().unwrap().starts_with("Wrong\n- `key_reused`: "), "{conflict}");
    assert_eq!(conflict["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Mistake");
    let down = &ranges["responses"]["503"];
    assert!(down["description"].as_str().unwrap().starts_with("Whatever\n- `store_unavailable`: "), "{down}");
    assert_eq!(ranges["responses"]["4XX"]["description"], "Wrong");
}

#[test]
fn a_documented_parameter_stays_but_the_policy_says_whether_it_is_required() {
    let by_hand = of("/by-hand");
    assert_eq!(by_hand["parameters"].as_array().unwrap().len(), 1);
    assert_eq!(by_hand["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(by_hand["parameters"][0]["description"], "Ours.");
    assert_eq!(by_hand["parameters"][0]["example"], "mine");
    let ranges = of("/ranges");
    assert_eq!(ranges["parameters"].as_array().unwrap().len(), 1);
    assert_eq!(ranges["parameters"][0]["required"], true);
}
