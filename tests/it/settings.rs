//! Settings that cannot work are errors that name them.

use std::time::Duration;

use actix_web::{HttpResponse, Responder, http::StatusCode, post, web};
use idempotent_runtime::{
    BuildError, Idempotency, IdempotencyBuilder, KeyFormat, OnStoreError, WhenFull, idempotent,
};

use crate::fixture::{Effects, serve, serve_bare};

#[test]
fn a_setting_that_cannot_work_is_an_error_that_names_it() {
    type Set = fn(IdempotencyBuilder) -> IdempotencyBuilder;
    let rows: [(&str, Set, BuildError); 13] = [
        ("lease", |b| b.lease(Duration::ZERO), BuildError::Zero("lease")),
        ("lease", |b| b.lease(Duration::from_millis(99)), BuildError::Lease),
        ("body_timeout", |b| b.body_timeout(Duration::ZERO), BuildError::Zero("body_timeout")),
        ("max_request_body", |b| b.max_request_body(0), BuildError::Zero("max_request_body")),
        ("max_response_body", |b| b.max_response_body(0), BuildError::Zero("max_response_body")),
        ("header_name", |b| b.header_name(""), BuildError::HeaderName(String::new())),
        ("header_name", |b| b.header_name("a b"), BuildError::HeaderName("a b".into())),
        ("header_name", |b| b.header_name("a:"), BuildError::HeaderName("a:".into())),
        ("header_name", |b| b.header_name("clé"), BuildError::HeaderName("clé".into())),
        ("header_name", |b| b.header_name("a\r\nb"), BuildError::HeaderName("a\r\nb".into())),
        ("reused_status", |b| b.reused_status(StatusCode::OK), BuildError::ReusedStatus(StatusCode::OK)),
        (
            "reused_status",
            |b| b.reused_status(StatusCode::BAD_REQUEST),
            BuildError::ReusedStatus(StatusCode::BAD_REQUEST),
        ),
        (
            "reused_status",
            |b| b.reused_status(StatusCode::INTERNAL_SERVER_ERROR),
            BuildError::ReusedStatus(StatusCode::INTERNAL_SERVER_ERROR),
        ),
    ];
    for (name, set, expected) in rows {
        let error = set(Idempotency::builder()).build().unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn every_setting_takes_values_that_can_work() {
    let built = Idempotency::builder()
        .namespace("shop-production")
        .header_name("X-Idempotency-Key")
        .key_format(KeyFormat::Uuid)
        .lease(Duration::from_millis(100))
        .body_timeout(Duration::from_millis(1))
        .max_request_body(1)
        .max_response_body(1)
        .reused_status(StatusCode::UNPROCESSABLE_ENTITY)
        .on_store_error(OnStoreError::Execute)
        .remember_expired_keys(Duration::MAX)
        .replay_set_cookie(true)
        .problem_type_base("https://example.com/problems")
        .build();
    assert!(built.is_ok(), "{built:?}");
    assert!(Idempotency::builder().reused_status(StatusCode::CONFLICT).build().is_ok());
    assert!(Idempotency::builder().build().is_ok());
}

#[test]
fn enumerated_settings_have_the_safe_default() {
    assert_eq!(OnStoreError::default(), OnStoreError::Refuse);
    assert_eq!(KeyFormat::default(), KeyFormat::Any);
    assert_ne!(WhenFull::Refuse, WhenFull::EvictOldest);
}

#[post("/orders")]
#[idempotent]
async fn create(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

#[test]
fn without_settings_a_body_may_be_a_mebibyte() {
    let server = serve(&Idempotency::builder().build().unwrap(), |app| {
        app.service(create).app_data(web::PayloadConfig::new(2 << 20));
    });
    let body = vec![b'x'; (1 << 20) + 1];
    let at = server.post("/orders", &["Idempotency-Key: a"], &body[1..]);
    assert_eq!((at.status, at.body.len(), at.header("idempotency-stored")), (201, 1 << 20, None));
    assert!(server.post("/orders", &["Idempotency-Key: a"], &body[1..]).is_replay());
    let over = server.post("/orders", &["Idempotency-Key: b"], &body);
    assert_eq!((over.status, over.code().as_str()), (413, "body_too_large"));
    assert_eq!(server.effects(), 1);
}

#[test]
fn without_any_set_up_one_store_serves_the_whole_process() {
    let [one, other] = [(); 2].map(|()| {
        serve_bare(|app| {
            app.service(create);
        })
    });
    // Other tests of this process share that store.
    let key = ["Idempotency-Key: without_any_set_up"];
    let first = one.post("/orders", &key, b"body");
    let again = other.post("/orders", &key, b"body");
    crate::fixture::assert_replayed(&first, &again);
    assert_eq!((one.effects(), other.effects()), (1, 0));
}
