//! Every refusal says what happened and what to do next, in the application's format, and nothing
//! of the store's.

use std::{collections::HashSet, sync::Arc, time::Duration};

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::{
    Idempotency, IdempotencyBuilder, OnStoreError, ProblemFormat, Refusal, StoreError, idempotent,
    store::{Claim, Record},
};
use idempotent_tests::{Reply, fresh, post, scripted::Scripted};
use tokio::sync::Semaphore;

use crate::fixture::{Effects, Served, serve};

#[idempotent(wait = "0s")]
async fn plain(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

/// Runs until the test lets it go on.
#[idempotent(wait = "0s")]
async fn held(gate: web::Data<Semaphore>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let _passed = gate.acquire().await;
    HttpResponse::Created().finish()
}

#[idempotent]
async fn events() -> impl Responder {
    HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n")
}

fn start(builder: IdempotencyBuilder, gate: &Arc<Semaphore>) -> Served {
    let gate = Arc::clone(gate);
    serve(&builder.build().unwrap(), move |app| {
        app.app_data(web::Data::from(Arc::clone(&gate)))
            .route("/plain", web::post().to(plain))
            .route("/held", web::post().to(held))
            .route("/events", web::post().to(events));
    })
}

const KEY: &str = "Idempotency-Key: k";
const SECRET: &str =
    "postgres://app:hunter2@db.internal/keys: SELECT record FROM idempotency WHERE address = 1";

fn unavailable() -> Result<Claim, StoreError> {
    Err(StoreError::unavailable("scripted", SECRET))
}

/// Way to get a refusal.
type Get = fn(IdempotencyBuilder) -> Reply;

/// Promise that a code makes.
struct Promise {
    code: &'static str,
    status: u16,
    title: &'static str,
    retryable: bool,
    retry_after: bool,
    /// True where the key was read.
    key: bool,
    get: Get,
}

fn answered(builder: IdempotencyBuilder, claim: fn() -> Result<Claim, StoreError>) -> Reply {
    let server = start(builder.store(Scripted::saying(claim)), &closed_gate());
    let reply = server.post("/plain", &[KEY], b"body");
    assert_eq!(server.effects(), 0);
    reply
}

fn closed_gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

fn sent(builder: IdempotencyBuilder, path: &str, headers: &[&str], body: &[u8]) -> Reply {
    start(builder, &closed_gate()).post(path, headers, body)
}

fn key_reused(builder: IdempotencyBuilder) -> Reply {
    let server = start(builder, &closed_gate());
    server.post("/plain", &[KEY], b"1");
    server.post("/plain", &[KEY], b"2")
}

fn in_progress(builder: IdempotencyBuilder) -> Reply {
    let gate = closed_gate();
    let server = start(builder, &gate);
    let mut first = server.connect();
    first.send(&post("/held", &[KEY], b""));
    server.until_effects(1);
    let second = server.post("/held", &[KEY], b"");
    gate.add_permits(1);
    assert_eq!(first.reply().map(|reply| reply.status), Some(201));
    second
}

fn response_not_stored(builder: IdempotencyBuilder) -> Reply {
    let server = start(builder, &closed_gate());
    assert_eq!(server.post("/events", &[KEY], b"").header("idempotency-stored"), Some("false"));
    server.post("/events", &[KEY], b"")
}

fn shutting_down(builder: IdempotencyBuilder) -> Reply {
    let idempotency = builder.build().unwrap();
    let server = serve(&idempotency, |app| {
        app.route("/plain", web::post().to(plain));
    });
    let before = server.post("/plain", &["Idempotency-Key: before"], b"");
    let drained = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = drained.block_on(idempotency.drain(Duration::from_secs(10)));
    let replay = server.post("/plain", &["Idempotency-Key: before"], b"");
    crate::fixture::assert_replayed(&before, &replay);
    let reply = server.post("/plain", &[KEY], b"");
    assert_eq!(server.effects(), 1);
    reply
}

fn body_timeout(builder: IdempotencyBuilder) -> Reply {
    let server = start(builder.body_timeout(Duration::from_millis(1)), &closed_gate());
    server.send(b"POST /plain HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\nContent-Length: 9\r\n\r\n")
}

fn promises() -> [Promise; 15] {
    let never = |code, status, title, get: Get| Promise {
        code,
        status,
        title,
        retryable: false,
        retry_after: false,
        key: true,
        get,
    };
    let later = |code, status, title, get| Promise {
        retryable: true,
        retry_after: true,
        ..never(code, status, title, get)
    };
    let unreadable: Get = |b| {
        answered(b, || {
            let record = Record::from_bytes(&b"\xff"[..]);
            Ok(Claim::Replay { record, left: Duration::from_secs(1) })
        })
    };
    [
        Promise {
            key: false,
            ..never("key_missing", 400, "Idempotency-Key required", |b| sent(b, "/plain", &[], b""))
        },
        Promise {
            key: false,
            ..never("key_invalid", 400, "Idempotency-Key is not valid", |b| {
                sent(b, "/plain", &["Idempotency-Key: a b"], b"")
            })
        },
        never("body_too_large", 413, "Body too large", |b| {
            sent(b.max_request_body(3), "/plain", &[KEY], b"four")
        }),
        never("key_reused", 409, "Idempotency-Key is already used", key_reused),
        never("key_reused", 409, "Idempotency-Key is already used", |b| answered(b, || Ok(Claim::Reused))),
        later("in_progress", 409, "A request is outstanding for this key", in_progress),
        never("outcome_unknown", 409, "The outcome is unknown", |b| answered(b, || Ok(Claim::Abandoned))),
        never("outcome_unknown", 409, "The outcome is unknown", unreadable),
        never("response_not_stored", 409, "The response was not stored", response_not_stored),
        never("key_expired", 409, "Idempotency-Key has expired", |b| answered(b, || Ok(Claim::Expired))),
        later("store_unavailable", 503, "The idempotency store is unavailable", |b| answered(b, unavailable)),
        later("store_full", 503, "The idempotency store is full", |b| {
            answered(b, || Err(StoreError::full("scripted")))
        }),
        later("too_many_keys", 429, "Too many keys are in use", |b| answered(b, too_many_keys)),
        later("shutting_down", 503, "The server is shutting down", shutting_down),
        Promise {
            retry_after: false,
            ..later("body_timeout", 408, "The body did not arrive in time", body_timeout)
        },
    ]
}

fn too_many_keys() -> Result<Claim, StoreError> {
    Err(StoreError::TooManyKeys { store: "scripted", retry_after: Duration::from_millis(1) })
}

fn is_instance(text: &str) -> bool {
    let uuid = text.strip_prefix("urn:uuid:").unwrap_or_default();
    let hyphens: Vec<_> = uuid.match_indices('-').map(|(at, _)| at).collect();
    uuid.len() == 36 && hyphens == [8, 13, 18, 23] && uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[test]
fn every_refusal_is_a_problem_that_keeps_what_its_code_promises() {
    let mut instances = HashSet::new();
    for promise in promises() {
        let code = promise.code;
        let reply = (promise.get)(fresh());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{code}: {reply:?}");
        assert!(!reply.is_replay() && reply.header("idempotency-stored").is_none(), "{code}: {reply:?}");
        let problem = reply.json();
        assert_eq!(problem["code"], code, "{reply:?}");
        assert_eq!((reply.status, &problem["status"]), (promise.status, &promise.status.into()), "{code}");
        assert_eq!(problem["title"], promise.title);
        assert_eq!(problem["retryable"], promise.retryable, "{code}");
        assert_eq!(reply.header("retry-after").is_some(), promise.retry_after, "{code}: {reply:?}");
        let seconds = reply.header("retry-after").map(str::parse::<u32>);
        assert!(seconds.is_none_or(|seconds| seconds.is_ok_and(|seconds| seconds > 0)), "{reply:?}");
        let key = promise.key.then_some("k");
        assert_eq!(problem.get("idempotency_key").and_then(|key| key.as_str()), key, "{code}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{code}");
        let url = match code {
            "body_too_large" => "https://www.rfc-editor.org/rfc/rfc9110#section-",
            _ => {
                "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-"
            }
        };
        assert!(problem["type"].as_str().is_some_and(|r#type| r#type.starts_with(url)), "{reply:?}");
        let instance = problem["instance"].as_str().unwrap_or_default();
        assert!(is_instance(instance) && instances.insert(instance.to_owned()), "{instance}");
    }
}

#[test]
fn the_type_of_a_problem_is_the_applications_page_for_its_code() {
    for base in ["https://example.com/problems", "https://example.com/problems/"] {
        for promise in promises() {
            let reply = (promise.get)(fresh().problem_type_base(base));
            assert_eq!(reply.json()["type"], format!("https://example.com/problems/{}", promise.code));
        }
    }
}

#[test]
fn the_simple_format_is_the_title_as_an_error() {
    for promise in promises() {
        let reply = (promise.get)(fresh().problem_format(ProblemFormat::Simple));
        // Checked here as well: the effect of a refusal is the same in every format.
        assert_eq!(reply.status, promise.status, "{}", promise.code);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json(), serde_json::json!({ "error": promise.title }));
        assert_eq!(reply.header("retry-after").is_some(), promise.retry_after, "{}", promise.code);
    }
    let missing = sent(fresh().problem_format(ProblemFormat::Simple), "/plain", &[], b"");
    assert_eq!(missing.text(), r#"{"error":"Idempotency-Key required"}"#);
}

#[test]
fn a_format_of_the_applications_own_gets_all_that_is_known() {
    fn format(refusal: &Refusal<'_>) -> HttpResponse {
        let key = refusal.idempotency_key().unwrap_or("none");
        HttpResponse::build(refusal.status()).insert_header(("X-Instance", refusal.instance())).body(format!(
            "{} {} {} {:?} {} {}",
            refusal.code().as_str(),
            refusal.title(),
            refusal.retryable(),
            refusal.retry_after(),
            key,
            refusal.problem_type(),
        ))
    }
    for promise in promises() {
        let builder = fresh().problem_type_base("x").problem_format(ProblemFormat::custom(format));
        let reply = (promise.get)(builder);
        let Promise { code, title, retryable, .. } = promise;
        assert_eq!(reply.status, promise.status);
        let seconds = reply.header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
        assert_eq!(seconds.is_some(), promise.retry_after, "{code}");
        let key = if promise.key { "k" } else { "none" };
        assert_eq!(reply.text(), format!("{code} {title} {retryable} {seconds:?} {key} x/{code}"));
        assert!(is_instance(reply.header("x-instance").unwrap_or_default()));
    }
}

#[test]
fn a_format_that_sets_retry_after_keeps_its_own() {
    let format = ProblemFormat::custom(|refusal| {
        HttpResponse::build(refusal.status()).insert_header(("Retry-After", "77")).finish()
    });
    let reply = answered(fresh().problem_format(format), unavailable);
    let values: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "retry-after").collect();
    assert_eq!(values, [&("retry-after".to_owned(), "77".to_owned())]);
}

#[test]
fn what_a_store_says_is_never_sent() {
    for format in [ProblemFormat::Problem, ProblemFormat::Simple] {
        let server = start(
            Idempotency::builder().store(Scripted::saying(unavailable)).problem_format(format),
            &closed_gate(),
        );
        let mut connection = server.connect();
        connection.send(&post("/plain", &[KEY, "Connection: close"], b"body"));
        let sent = connection.rest();
        let sent = String::from_utf8_lossy(&sent);
        assert!(sent.starts_with("HTTP/1.1 503 "), "{sent}");
        for word in ["postgres", "hunter2", "db.internal", "SELECT", "address", "scripted"] {
            assert!(!sent.contains(word), "{word} in {sent}");
        }
    }
}

#[test]
fn a_store_that_fails_is_passed_by_only_if_the_application_says_so() {
    let server = start(
        Idempotency::builder().store(Scripted::saying(unavailable)).on_store_error(OnStoreError::Execute),
        &closed_gate(),
    );
    for effects in 1..=2 {
        let reply = server.post("/plain", &[KEY], b"body");
        assert_eq!((reply.status, reply.text()), (201, "body"));
        assert_eq!((reply.header("idempotency-stored"), reply.is_replay()), (Some("false"), false));
        assert_eq!(server.effects(), effects);
    }
}

#[test]
fn what_is_wrong_with_a_key_is_told() {
    let long = format!("Idempotency-Key: {}", "k".repeat(256));
    let rows: [(&[&str], &str); 5] = [
        (&["Idempotency-Key:"], "empty"),
        (&[&long], "too long"),
        (&["Idempotency-Key: a", "Idempotency-Key: a"], "more than once"),
        (&["Idempotency-Key: a,b"], "comma"),
        (&["Idempotency-Key: \"a"], "RFC 8941"),
    ];
    for (headers, word) in rows {
        let reply = sent(fresh(), "/plain", headers, b"");
        let problem = reply.json();
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{word}: {reply:?}");
    }
}

#[test]
fn a_key_is_told_as_json_whatever_it_holds() {
    let server = start(fresh(), &closed_gate());
    let key = r#"Idempotency-Key: "a\"b\\c </script>, d""#;
    server.post("/plain", &[key], b"1");
    let reply = server.post("/plain", &[key], b"2");
    assert_eq!(reply.json()["idempotency_key"], r#"a"b\c </script>, d"#);
}

#[test]
fn that_a_key_was_used_for_another_request_is_told_before_any_other_state() {
    let gate = closed_gate();
    let server = start(fresh(), &gate);
    let mut first = server.connect();
    first.send(&post("/held", &[KEY], b"1"));
    server.until_effects(1);
    // While it runs, with a handler that never reads its body.
    assert_eq!(server.post("/held", &[KEY], b"2").code(), "key_reused");
    assert_eq!(server.post("/held", &[KEY], b"1").code(), "in_progress");
    gate.add_permits(1);
    assert_eq!(first.reply().map(|reply| reply.status), Some(201));
    assert_eq!(server.post("/held", &[KEY], b"2").code(), "key_reused");
    // Where there is no response to replay.
    server.post("/events", &[KEY], b"1");
    assert_eq!(server.post("/events", &[KEY], b"2").code(), "key_reused");
    assert_eq!(server.post("/events", &[KEY], b"1").code(), "response_not_stored");
}

#[test]
fn a_refusal_is_none_of_the_records() {
    let gate = closed_gate();
    let server = start(fresh(), &gate);
    let mut first = server.connect();
    first.send(&post("/held", &[KEY], b""));
    server.until_effects(1);
    let refused = [(); 3].map(|()| server.post("/held", &[KEY], b"").code());
    assert_eq!(refused, ["in_progress"; 3]);
    gate.add_permits(1);
    let first = first.reply().unwrap();
    for _ in 0..2 {
        crate::fixture::assert_replayed(&first, &server.post("/held", &[KEY], b""));
    }
    assert_eq!(server.effects(), 1);
}
