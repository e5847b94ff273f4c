//! Answers of a server: each is documented with its status, code, content type and headers.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, post, web};
use idempotent_runtime::{
    Idempotency, IdempotencyBuilder, ProblemFormat, StoreError, idempotent, openapi::Documentation,
    store::Claim,
};
use idempotent_tests::{Connection, Reply, TestServer, fresh, post, scripted::Scripted};
use serde_json::Value;
use tokio::sync::Semaphore;
use utoipa::OpenApi;

use crate::operation;

/// Answers with the status that the body names, once the gate lets it.
#[utoipa::path(responses(
    (status = 201, description = "made", body = String),
    (status = 401, description = "who?"),
    (status = 422, description = "wrong"),
    (status = 429, description = "later"),
    (status = 500, description = "failed"),
))]
#[post("/told")]
#[idempotent(wait = "0s")]
async fn create_told(body: String, gate: web::Data<Semaphore>) -> HttpResponse {
    let status = body.trim().parse().unwrap_or_default();
    if status == 201 {
        let _passed = gate.acquire().await;
    }
    match StatusCode::from_u16(status) {
        Ok(StatusCode::CREATED) => HttpResponse::Created().body("made"),
        Ok(status) => HttpResponse::build(status).finish(),
        Err(_) => HttpResponse::Created().content_type("text/event-stream").body("data: made\n\n"),
    }
}

#[derive(OpenApi)]
#[openapi(paths(create_told))]
struct Api;

struct Told {
    server: TestServer,
    gate: Arc<Semaphore>,
    operation: Value,
    answers: Vec<(u16, String)>,
}

impl Told {
    fn start(builder: IdempotencyBuilder) -> Told {
        let idempotency = builder.build().unwrap();
        let mut document = Api::openapi();
        Documentation::of(&idempotency).add_to(&mut document).unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let passed = Arc::clone(&gate);
        let server = TestServer::start(1, move |app| {
            app.app_data(idempotency.clone())
                .app_data(web::Data::from(Arc::clone(&passed)))
                .service(create_told);
        });
        Told { server, gate, operation: operation(&document, "/told", "post"), answers: Vec::new() }
    }

    fn connect(&self) -> Connection {
        Connection::open(self.server.address())
    }

    fn send(&mut self, headers: &[&str], body: &str) {
        let reply = self.connect().exchange(&post("/told", headers, body.as_bytes()));
        self.check(&reply);
    }

    /// Fails where the document says nothing of what the server has answered.
    fn check(&mut self, reply: &Reply) {
        let response = &self.operation["responses"][reply.status.to_string()];
        assert!(response.is_object(), "{reply:?} is not documented in {:#}", self.operation);
        for header in ["idempotent-replayed", "idempotency-stored", "retry-after", "x-should-retry"] {
            let documented = response["headers"][header].is_object();
            assert!(documented || reply.header(header).is_none(), "{header} of {reply:?} in {response:#}");
        }
        let code = reply.code();
        if !code.is_empty() {
            let content = &response["content"]["application/problem+json"];
            assert_eq!(reply.header("content-type"), Some("application/problem+json"));
            let mut example = content["examples"][&code]["value"].clone();
            assert!(example.is_object(), "{code} in {response:#}");
            let mut told = reply.json();
            for own in ["instance", "idempotency_key", "detail"] {
                example.as_object_mut().unwrap().remove(own);
                told.as_object_mut().unwrap().remove(own);
            }
            assert_eq!(told, example);
        }
        self.answers.push((reply.status, code));
    }
}

const A: &str = "Idempotency-Key: a";

#[test]
fn every_answer_of_a_server_is_documented() {
    let mut told = Told::start(fresh().max_request_body(64).should_retry_header(true));
    let mut first = told.connect();
    first.send(&post("/told", &[A], b"201"));
    // A second request with the same key is answered while the first one runs.
    while told.answers.last().is_none_or(|(_, code)| code != "in_progress") {
        told.answers.clear();
        told.send(&[A], "201");
        assert_ne!(told.answers[0].0, 201);
    }
    told.gate.add_permits(1);
    let reply = first.reply().unwrap();
    told.check(&reply);
    told.send(&[A], "201");
    told.send(&[A], "500");
    told.send(&[], "201");
    told.send(&["Idempotency-Key: a, b"], "201");
    told.send(&["Idempotency-Key: b"], &"1".repeat(65));
    for key in ["Idempotency-Key: c", "Idempotency-Key: c"] {
        told.send(&[key], "422");
    }
    told.send(&["Idempotency-Key: d"], "500");
    told.send(&["Idempotency-Key: e"], "429");
    for key in ["Idempotency-Key: g", "Idempotency-Key: g"] {
        told.send(&[key], "401");
    }
    told.send(&["Idempotency-Key: f"], "a stream");
    told.send(&["Idempotency-Key: f"], "a stream");
    let answers: Vec<_> = told.answers.iter().map(|(status, code)| (*status, code.as_str())).collect();
    assert_eq!(
        answers,
        [
            (409, "in_progress"),
            (201, ""),
            (201, ""),
            (409, "key_reused"),
            (400, "key_missing"),
            (400, "key_invalid"),
            (413, "body_too_large"),
            (422, ""),
            (422, ""),
            (500, ""),
            (429, ""),
            (401, ""),
            (401, ""),
            (201, ""),
            (409, "response_not_stored"),
        ]
    );
}

#[test]
fn every_answer_is_documented_where_the_store_fails() {
    let down = Scripted::saying(|| Err(StoreError::unavailable("scripted", "no")));
    let full = Scripted::saying(|| Err(StoreError::full("scripted")));
    let too_many = Scripted::saying(|| {
        Err(StoreError::TooManyKeys { store: "scripted", retry_after: std::time::Duration::from_secs(1) })
    });
    let abandoned = Scripted::saying(|| Ok(Claim::Abandoned));
    let expired = Scripted::saying(|| Ok(Claim::Expired));
    for (store, status, code) in [
        (down, 503, "store_unavailable"),
        (full, 503, "store_full"),
        (too_many, 429, "too_many_keys"),
        (abandoned, 409, "outcome_unknown"),
        (expired, 409, "key_expired"),
    ] {
        let remembered = std::time::Duration::from_secs(60);
        let mut told = Told::start(Idempotency::builder().store(store).remember_expired_keys(remembered));
        told.send(&[A], "201");
        assert_eq!(told.answers, [(status, code.to_owned())]);
    }
}

#[test]
fn every_answer_is_documented_with_the_settings_of_the_draft() {
    let draft = fresh().reused_status(StatusCode::UNPROCESSABLE_ENTITY).header_name("X-Key");
    let mut told = Told::start(draft.problem_type_base("https://shop.example"));
    told.send(&["X-Key: a"], "422");
    told.send(&["X-Key: a"], "500");
    told.send(&[], "500");
    let codes: Vec<_> = told.answers.iter().map(|(status, code)| (*status, code.as_str())).collect();
    assert_eq!(codes, [(422, ""), (422, "key_reused"), (400, "key_missing")]);
}

#[test]
fn simple_errors_are_answered_as_documented() {
    let mut told = Told::start(fresh().problem_format(ProblemFormat::Simple));
    let reply = told.connect().exchange(&post("/told", &[], b"201"));
    told.check(&reply);
    let documented = &told.operation["responses"]["400"]["content"]["application/json"]["examples"];
    assert_eq!(documented["key_missing"]["value"], reply.json());
}
