//! Words of refusals: which header carries the key, which limit was passed, and which setting sets
//! it.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::{IdempotencyBuilder, KeyFormat, ProblemFormat, idempotent};
use idempotent_tests::{Reply, fresh, post};
use tokio::sync::Semaphore;

use crate::fixture::{Effects, Served, serve};

#[idempotent(wait = "0s")]
async fn held(gate: web::Data<Semaphore>, effects: Effects, body: web::Bytes) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let _passed = gate.acquire().await;
    HttpResponse::Created().body(body)
}

fn start_with(builder: IdempotencyBuilder, gate: Arc<Semaphore>) -> Served {
    serve(&builder.build().unwrap(), move |app| {
        app.app_data(web::Data::from(Arc::clone(&gate))).route("/", web::post().to(held));
    })
}

fn start(builder: IdempotencyBuilder) -> Served {
    start_with(builder, Arc::new(Semaphore::new(1_000)))
}

fn detail(reply: &Reply) -> String {
    reply.json()["detail"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

const UUID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

#[test]
fn refusals_name_the_header_that_carries_the_key() {
    for name in ["X-GitHub-Delivery", "Idempotency-Key", "x-request-id"] {
        let server = start(fresh().header_name(name));
        let line = |value: &str| format!("{name}: {value}");
        let (spaced, twice) = (line("a b"), [line("a"), line("b")]);
        let long = line(&"k".repeat(256));
        let rows: [(&[&str], &str); 4] = [
            (&[], "key_missing"),
            (&[&spaced], "key_invalid"),
            (&[&twice[0], &twice[1]], "key_invalid"),
            (&[&long], "key_invalid"),
        ];
        for (headers, code) in rows {
            let reply = server.post("/", headers, b"");
            assert_eq!(reply.code(), code);
            let detail = detail(&reply);
            assert!(detail.contains(name), "{detail}");
            assert!(name == "Idempotency-Key" || !detail.contains("Idempotency-Key"), "{detail}");
        }
    }
}

#[test]
fn titles_are_the_same_whatever_the_header_is_called() {
    let builder = || fresh().header_name("X-GitHub-Delivery");
    assert_eq!(start(builder()).post("/", &[], b"").json()["title"], "Idempotency-Key required");
    let simple = start(builder().problem_format(ProblemFormat::Simple)).post("/", &[], b"");
    assert_eq!(simple.text(), r#"{"error":"Idempotency-Key required"}"#);
}

#[test]
fn a_format_of_the_applications_own_is_told_the_header_in_force() {
    let format =
        ProblemFormat::custom(|refusal| HttpResponse::build(refusal.status()).body(refusal.detail()));
    let reply = start(fresh().header_name("X-Order").problem_format(format)).post("/", &[], b"");
    assert!(reply.text().contains("X-Order"), "{reply:?}");
}

#[test]
fn a_body_that_is_too_large_is_told_the_limit_and_its_setting() {
    type Set = fn(IdempotencyBuilder) -> IdempotencyBuilder;
    let rows: [(Set, &str); 6] = [
        (|b| b, "1 MiB"),
        (|b| b.max_request_body(3 << 20), "3 MiB"),
        (|b| b.max_request_body(64 << 10), "64 KiB"),
        (|b| b.max_request_body(1_500), "1500 bytes"),
        (|b| b.max_request_body(1), "1 byte, "),
        (|b| b.max_request_body(1_025 << 10), "1025 KiB"),
    ];
    for (set, limit) in rows {
        let announced =
            b"POST / HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\nContent-Length: 9999999\r\n\r\n";
        let reply = start(set(fresh())).send(announced);
        assert_eq!(reply.code(), "body_too_large");
        let detail = detail(&reply);
        assert!(detail.contains(limit) && detail.contains("`max_request_body`"), "{limit}: {detail}");
    }
}

#[test]
fn a_body_that_does_not_come_is_told_the_setting_in_force() {
    let server = start(fresh().body_timeout(Duration::from_millis(1)));
    let reply = server.send(b"POST / HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(reply.code(), "body_timeout");
    let detail = detail(&reply);
    assert!(detail.contains("1ms") && detail.contains("`body_timeout`"), "{detail}");
}

#[test]
fn a_key_of_another_format_is_told_the_setting_in_force() {
    let reply = start(fresh().key_format(KeyFormat::Uuid)).post("/", &["Idempotency-Key: k"], b"");
    let detail = detail(&reply);
    assert!(detail.contains("UUID") && detail.contains("`key_format`"), "{detail}");
}

#[test]
fn two_spellings_of_one_uuid_are_one_key() {
    let server = start(fresh().key_format(KeyFormat::Uuid));
    let upper = UUID.to_uppercase();
    let spellings =
        [UUID.to_owned(), upper.clone(), format!("\"{upper}\""), UUID.replace("8e03978e", "8E03978e")];
    for (number, key) in spellings.iter().enumerate() {
        let reply = server.post("/", &[&format!("Idempotency-Key: {key}")], b"body");
        assert_eq!((reply.status, reply.is_replay()), (201, number > 0), "{key}");
    }
    assert_eq!(server.effects(), 1);
    let reused = server.post("/", &[&format!("Idempotency-Key: {upper}")], b"other");
    assert_eq!((&*reused.code(), &reused.json()["idempotency_key"]), ("key_reused", &UUID.into()));
    // Elsewhere a key is its characters.
    let any = start(fresh());
    for key in [UUID, &upper] {
        assert!(!any.post("/", &[&format!("Idempotency-Key: {key}")], b"body").is_replay());
    }
}

#[test]
fn the_type_of_a_problem_is_the_page_that_tells_of_it() {
    let server = start(fresh().max_request_body(4));
    let send = |body: &[u8]| server.post("/", &["Idempotency-Key: k"], body);
    send(b"1");
    let draft = "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07";
    assert_eq!(send(b"2").json()["type"], format!("{draft}#section-2.2"));
    // The draft says nothing of long bodies.
    assert_eq!(send(b"12345").json()["type"], "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14");
}

#[test]
fn refusals_that_no_retry_mends_say_so_to_sdks_where_the_application_wants_it() {
    let custom = ProblemFormat::custom(|refusal| HttpResponse::build(refusal.status()).finish());
    for format in [ProblemFormat::Problem, ProblemFormat::Simple, custom] {
        for says_so in [false, true] {
            let gate = Arc::new(Semaphore::new(0));
            let builder = fresh().problem_format(format.clone());
            let builder = if says_so { builder.should_retry_header(true) } else { builder };
            let server = start_with(builder, Arc::clone(&gate));
            let mut first = server.connect();
            first.send(&post("/", &["Idempotency-Key: k"], b"1"));
            server.until_effects(1);
            let rows: [(&[&str], &[u8], bool); 4] = [
                (&[], b"1", false),
                (&["Idempotency-Key: a b"], b"1", false),
                (&["Idempotency-Key: k"], b"2", false),
                (&["Idempotency-Key: k"], b"1", true),
            ];
            for (headers, body, retryable) in rows {
                let reply = server.post("/", headers, body);
                let expected = (says_so && !retryable).then_some("false");
                assert_eq!(reply.header("x-should-retry"), expected, "{reply:?}");
            }
            gate.add_permits(1);
            let first = first.reply().unwrap();
            assert_eq!((first.status, first.header("x-should-retry")), (201, None));
        }
    }
}

#[test]
fn a_format_that_says_itself_whether_to_retry_keeps_its_word() {
    let format = ProblemFormat::custom(|refusal| {
        HttpResponse::build(refusal.status()).insert_header(("X-Should-Retry", "true")).finish()
    });
    let builder = fresh().problem_format(format).should_retry_header(true);
    let reply = start(builder).post("/", &[], b"");
    let values: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "x-should-retry").collect();
    assert_eq!(values, [&("x-should-retry".to_owned(), "true".to_owned())]);
}
