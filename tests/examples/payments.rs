//! `payments`, as Stripe's SDKs speak to it: forms, secret keys, and errors in a form of their own.

use idempotent_tests::{Connection, Reply, post, program::Program};
use serde_json::json;

const CHARGE: &str = "amount=1200&currency=eur&source=tok_visa&metadata[order]=6735";

fn send(payments: &Program, secret: &str, key: &str, form: &str) -> Reply {
    let (authorization, key) = (format!("Authorization: Bearer {secret}"), format!("Idempotency-Key: {key}"));
    let headers = ["Content-Type: application/x-www-form-urlencoded", &authorization, &key];
    payments.connect().exchange(&post("/v1/charges", &headers, form.as_bytes()))
}

fn charges(payments: &Program) -> Vec<serde_json::Value> {
    let request = "GET /v1/charges HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer sk_test_shop\r\n\r\n";
    let list = Connection::open(payments.address()).exchange(request.as_bytes()).json();
    list["data"].as_array().unwrap().clone()
}

/// Parts of an error that the SDKs read: status, type, code, and whether to try again.
fn told(reply: &Reply) -> (u16, String, String, Option<&str>) {
    let error = &reply.json()["error"];
    assert!(error["message"].is_string(), "{reply:?}");
    let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (reply.status, word("type"), word("code"), reply.header("stripe-should-retry"))
}

fn error(
    status: u16,
    r#type: &str,
    code: &str,
    again: &'static str,
) -> (u16, String, String, Option<&'static str>) {
    (status, r#type.to_owned(), code.to_owned(), Some(again))
}

#[test]
fn a_charge_is_made_once_however_its_fields_are_ordered_and_whichever_key_its_account_uses() {
    let payments = Program::start("payments");
    let first = send(&payments, "sk_test_shop", "a", CHARGE);
    assert_eq!((first.status, first.is_replay()), (200, false), "{first:?}");
    let charge = json!({
        "id": "ch_1", "object": "charge", "amount": 1200, "currency": "eur", "description": null,
        "metadata": { "order": "6735" }, "paid": true, "status": "succeeded"
    });
    assert_eq!(first.json(), charge);

    let reordered = "metadata%5Border%5D=6735&source=tok_visa&amount=1200&currency=eur";
    for (secret, form) in
        [("sk_test_shop", CHARGE), ("sk_test_shop", reordered), ("sk_test_shop_new", reordered)]
    {
        let retry = send(&payments, secret, "a", form);
        assert_eq!((retry.status, retry.is_replay(), &retry.body), (200, true, &first.body), "{retry:?}");
        assert_eq!(retry.header("idempotency-key"), Some("a"));
        assert_ne!(retry.header("request-id"), first.header("request-id"));
    }
    assert_eq!(charges(&payments), [charge]);
    assert!(!send(&payments, "sk_test_other", "a", CHARGE).is_replay());
}

#[test]
fn a_refusal_has_the_form_of_the_sdks_and_says_whether_to_try_again() {
    let payments = Program::start("payments");
    send(&payments, "sk_test_shop", "a", CHARGE);
    let other = send(&payments, "sk_test_shop", "a", &CHARGE.replace("1200", "1300"));
    assert_eq!(told(&other), error(400, "idempotency_error", "key_reused", "false"));
    let invalid = send(&payments, "sk_test_shop", "a,b", CHARGE);
    assert_eq!(told(&invalid), error(400, "invalid_request_error", "key_invalid", "false"));
    let nobody = send(&payments, "sk_wrong", "b", CHARGE);
    assert_eq!(told(&nobody), error(401, "invalid_request_error", "", "false"));
    assert_eq!(charges(&payments).len(), 1);
}

#[test]
fn a_charge_that_is_under_way_is_to_be_tried_again() {
    let payments = Program::start_with("payments", &[("BANK_TAKES_MS", "3600000")]);
    let authorization = "Authorization: Bearer sk_test_shop";
    let headers = ["Content-Type: application/x-www-form-urlencoded", authorization, "Idempotency-Key: a"];
    let mut first = payments.connect();
    first.send(&post("/v1/charges", &headers, CHARGE.as_bytes()));
    while charges(&payments).is_empty() {}
    let busy = send(&payments, "sk_test_shop", "a", CHARGE);
    assert_eq!(told(&busy), error(409, "idempotency_error", "idempotency_key_in_use", "true"));
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(charges(&payments).len(), 1);
}

#[test]
fn an_outcome_that_is_stored_is_told_again_and_not_to_be_tried_again() {
    let payments = Program::start("payments");
    let outcomes = [
        ("tok_chargeDeclined", error(402, "card_error", "card_declined", "false")),
        ("tok_silent", error(500, "api_error", "", "false")),
    ];
    for (source, outcome) in outcomes {
        for replay in [false, true] {
            let reply = send(&payments, "sk_test_shop", source, &CHARGE.replace("tok_visa", source));
            assert_eq!((told(&reply), reply.is_replay()), (outcome.clone(), replay), "{reply:?}");
        }
    }
    let incomplete = send(&payments, "sk_test_shop", "c", "amount=1200");
    assert_eq!(told(&incomplete), error(400, "invalid_request_error", "parameter_missing", "false"));
    assert_eq!(charges(&payments).len(), 2);
}
