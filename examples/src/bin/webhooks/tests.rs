//! Deliveries, those that come again, and those of somebody who has recorded one.

use actix_web::{
    App,
    http::StatusCode,
    test::{self, TestRequest},
    web,
};

use super::{signature::TOLERANCE, *};

const PUSH: &str = r#"{"after":"6113728f27ae"}"#;
const PAID: &str = r#"{"id":"evt_1","type":"charge.succeeded","data":{"object":{"id":"ch_1"}}}"#;

fn secrets() -> Secrets {
    Secrets { github: "of GitHub".to_owned(), stripe: "whsec_of_stripe".to_owned() }
}

/// A header, as `name: value`.
type Header = String;

/// Sends these requests, each a path, its headers and a body. Gives their answers, as a status and
/// whether it is a replay, and what has taken effect.
async fn told(requests: &[(&str, Vec<Header>, &str)]) -> (Vec<(StatusCode, bool)>, Vec<String>) {
    // A store of this test's own.
    let idempotency = events::settings().clock(idempotent_runtime::SystemClock).build().unwrap();
    let app = test::init_service(
        App::new()
            .app_data(idempotency)
            .app_data(web::Data::new(Events::default()))
            .app_data(web::Data::new(secrets()))
            .configure(events::routes),
    )
    .await;
    let mut answers = Vec::new();
    for (path, headers, body) in requests {
        let mut request = TestRequest::post().uri(path).set_payload(body.to_string());
        for header in headers.iter().map(String::as_str).chain(["Content-Type: application/json"]) {
            request = request.append_header(header.split_once(": ").unwrap());
        }
        let response = match test::try_call_service(&app, request.to_request()).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response(),
        };
        answers.push((response.status(), response.headers().contains_key("idempotent-replayed")));
    }
    let events = test::call_and_read_body_json(&app, TestRequest::get().uri("/events").to_request()).await;
    (answers, events)
}

fn delivery(id: &str) -> Header {
    format!("X-GitHub-Delivery: {id}")
}

#[actix_web::test]
async fn a_redelivery_of_githubs_takes_effect_once() {
    let signed = || vec![delivery("72d3162e"), signed_by_github(&secrets(), PUSH)];
    let (answers, events) = told(&[("/github", signed(), PUSH), ("/github", signed(), PUSH)]).await;
    assert_eq!(answers, [(StatusCode::NO_CONTENT, false), (StatusCode::NO_CONTENT, true)]);
    assert_eq!(events, [r#"push of "6113728f27ae""#]);
}

#[actix_web::test]
async fn a_push_of_many_commits_takes_effect_too() {
    let long = PUSH.replacen('{', &format!(r#"{{"commits":"{}","#, "x".repeat(3 << 20)), 1);
    let request = ("/github", vec![delivery("72d3162e"), signed_by_github(&secrets(), &long)], &*long);
    let (answers, events) = told(&[request]).await;
    assert_eq!((answers, events.len()), (vec![(StatusCode::NO_CONTENT, false)], 1));
}

#[actix_web::test]
async fn a_redelivery_of_stripes_takes_effect_once_whatever_else_in_it_has_changed() {
    let changed = PAID.replacen('{', r#"{"pending_webhooks":2,"#, 1);
    let requests = [(PAID, seconds_now() - 60), (PAID, seconds_now()), (&changed, seconds_now() + 1)]
        .map(|(body, at)| ("/stripe", vec![signed_by_stripe(&secrets(), body, at)], body));
    let (answers, events) = told(&requests).await;
    let ok = StatusCode::NO_CONTENT;
    assert_eq!(answers, [(ok, false), (ok, true), (ok, true)]);
    assert_eq!(events, [r#""charge.succeeded" of "ch_1""#]);
}

#[actix_web::test]
async fn what_was_recorded_is_worth_nothing_later_and_a_replay_before() {
    let recorded = signed_by_stripe(&secrets(), PAID, seconds_now());
    let now = seconds_now();
    let long_ago = now - TOLERANCE - 2;
    let late = signed_by_stripe(&secrets(), PAID, long_ago);
    let early = signed_by_stripe(&secrets(), PAID, now + TOLERANCE + 60);
    // Another time beside a signature that was recorded.
    let moved = late.replace(&long_ago.to_string(), &now.to_string());
    for attack in [late, early, moved] {
        let (answers, events) = told(&[("/stripe", vec![attack.clone()], PAID)]).await;
        assert_eq!(answers, [(StatusCode::BAD_REQUEST, false)], "{attack}");
        assert!(events.is_empty(), "{events:?}");
    }
    let (answers, events) =
        told(&[("/stripe", vec![recorded.clone()], PAID), ("/stripe", vec![recorded], PAID)]).await;
    assert_eq!(answers, [(StatusCode::NO_CONTENT, false), (StatusCode::NO_CONTENT, true)]);
    assert_eq!(events.len(), 1);
}

#[actix_web::test]
async fn what_is_not_signed_by_the_secret_is_refused_and_asks_nothing_of_the_store() {
    let other = Secrets { github: "wrong".to_owned(), stripe: "wrong".to_owned() };
    let now = seconds_now();
    let stripe = [
        vec![],
        vec!["Stripe-Signature: t=1,v1=00".to_owned()],
        vec!["Stripe-Signature: nonsense".to_owned()],
        vec![signed_by_stripe(&other, PAID, now)],
        vec![signed_by_stripe(&secrets(), "another body", now)],
    ]
    .map(|headers| ("/stripe", headers, PAID));
    let github = [
        vec![delivery("a")],
        vec![delivery("a"), "X-Hub-Signature-256: sha256=zz".to_owned()],
        vec![delivery("a"), signed_by_github(&other, PUSH)],
        vec![delivery("a"), signed_by_github(&secrets(), "another body")],
    ]
    .map(|headers| ("/github", headers, PUSH));
    // The true one comes last, and finds its key free.
    let good = [("/stripe", vec![signed_by_stripe(&secrets(), PAID, now)], PAID)];
    let requests: Vec<_> = stripe.into_iter().chain(github).chain(good).collect();
    let (mut answers, events) = told(&requests).await;
    assert_eq!(answers.pop(), Some((StatusCode::NO_CONTENT, false)));
    assert!(answers.iter().all(|answer| *answer == (StatusCode::BAD_REQUEST, false)), "{answers:?}");
    assert_eq!(events.len(), 1);
}

#[actix_web::test]
async fn a_secret_that_is_exchanged_signs_beside_the_one_before() {
    let now = seconds_now();
    let before = Secrets { github: String::new(), stripe: "whsec_before".to_owned() };
    let before = hex(&before.of_stripe(&now.to_string(), PAID.as_bytes()));
    let both = signed_by_stripe(&secrets(), PAID, now).replace("v1=", &format!("v1={before},v0=00,v1="));
    let (answers, _) = told(&[("/stripe", vec![both], PAID)]).await;
    assert_eq!(answers, [(StatusCode::NO_CONTENT, false)]);
}

#[test]
fn a_signature_is_hmac_sha_256_of_the_time_a_full_stop_and_the_body() {
    let secrets = Secrets { github: "key".to_owned(), stripe: "key".to_owned() };
    let text = b"The quick brown fox jumps over the lazy dog";
    let known = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    assert_eq!(hex(&secrets.of_github(text)), known);
    let joined = [b"12.".as_slice(), text].concat();
    assert_eq!(secrets.of_stripe("12", text), secrets.of_github(&joined));
}
