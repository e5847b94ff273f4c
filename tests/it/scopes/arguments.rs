//! Arguments of a middleware.

use std::time::Duration;

use actix_web::{error::ErrorForbidden, web};
use idempotent_runtime::{
    BuildError, Fingerprint, Idempotency, Idempotent, IdempotentBuilder, KeySource, ManualClock, Principal,
    Replay, Scope,
};

use super::answers;
use crate::fixture::{assert_replayed, serve};

#[test]
fn each_argument_of_the_attribute_is_a_method() {
    let clock = ManualClock::new();
    let idempotency =
        Idempotency::builder().clock(clock.clone()).ttl(Duration::from_secs(60)).build().unwrap();
    let hour = Duration::from_secs(3600);
    let builder = Idempotent::builder()
        .ttl(hour)
        .scope(Scope::Group("scopes"))
        .required(false)
        .replay(Replay::Success)
        .fingerprint(Fingerprint::Canonical)
        .key(KeySource::Header("X-Request-Id"))
        .headers(["X-Api-Version", "Accept"])
        .principal(async |request: actix_web::HttpRequest| {
            let caller = request.headers().get("x-caller").ok_or_else(|| ErrorForbidden("who are you?"))?;
            Ok(Principal::new(caller))
        });
    let idempotent = builder.build().unwrap();
    let server = serve(&idempotency, move |app| {
        app.service(web::scope("/v1").wrap(idempotent.clone()).configure(answers));
    });
    let send = |path: &str, headers: &[&str], body: &str| {
        let headers =
            [&["Content-Type: application/json", "X-Request-Id: k", "X-Caller: me"], headers].concat();
        server.post(path, &headers, body.as_bytes())
    };
    let first = send("/v1/json", &[], r#"{"a":1,"b":2}"#);
    assert_eq!(first.status, 201, "{first:?}");
    clock.advance(hour - Duration::from_millis(1));
    assert_replayed(&first, &send("/v1/json", &[], r#"{ "b": 2, "a": 1 }"#));
    assert_eq!(send("/v1/json", &["X-Api-Version: 2"], r#"{"a":1,"b":2}"#).code(), "key_reused");
    // One group: the same body elsewhere is the same request.
    assert!(send("/v1/status/201", &[], r#"{"a":1,"b":2}"#).is_replay());
    assert_eq!(server.post("/v1/status/201", &["X-Request-Id: k"], b"").status, 403);
    assert_eq!(server.post("/v1/status/201", &[], b"").status, 201);
    clock.advance(Duration::from_millis(1));
    assert!(!send("/v1/status/422", &[], "").is_replay());
    assert!(!send("/v1/status/422", &[], "").is_replay());
}

#[test]
fn an_argument_that_cannot_work_is_an_error_that_names_it() {
    type Set = fn(IdempotentBuilder) -> IdempotentBuilder;
    let rows: [(&str, Set); 12] = [
        ("ttl", |b| b.ttl(Duration::ZERO)),
        ("ttl", |b| b.ttl(Duration::MAX)),
        ("scope", |b| b.scope(Scope::Group(""))),
        ("scope", |b| b.scope(Scope::Group("a b"))),
        ("key", |b| b.key(KeySource::Header("a b"))),
        ("key", |b| b.key(KeySource::Json("id"))),
        ("key", |b| b.key(KeySource::Json("/a~2"))),
        ("key", |b| b.key(KeySource::Form(""))),
        ("key", |b| b.key(KeySource::Query(""))),
        ("headers", |b| b.headers([""])),
        ("except", |b| b.except("hooks")),
        ("except", |b| b.except("")),
    ];
    for (name, set) in rows {
        let error = set(Idempotent::builder()).build().unwrap_err();
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    let group = Idempotent::builder().scope(Scope::Group("é")).build().unwrap_err();
    assert_eq!(group, BuildError::Group("é".into()));
    for pointer in ["/", "/a~0b/~1", "/a/0"] {
        assert!(Idempotent::builder().key(KeySource::Json(pointer)).build().is_ok(), "{pointer}");
    }
}
