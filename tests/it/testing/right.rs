//! Endpoints that are right.

use actix_web::{App, HttpResponse, http::StatusCode, web};
use idempotent_runtime::{Idempotency, ProblemFormat, Refusal, RefusalCode, idempotent, testing::serve};
use idempotent_tests::fresh;

use super::{Effects, order};

#[idempotent]
async fn plain(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

#[idempotent(required = false, wait = "0s", fingerprint = "canonical")]
async fn other(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

/// The answer is streamed, in chunks, and sets a cookie.
#[idempotent(scope = "resource")]
async fn streamed(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await;
    let chunks = ["one ", "after ", "the other"]
        .map(|chunk| Ok::<_, actix_web::Error>(web::Bytes::from_static(chunk.as_bytes())));
    HttpResponse::Ok().insert_header(("Set-Cookie", "a=b")).streaming(futures_util::stream::iter(chunks))
}

async fn is_right(path: &str, idempotency: Idempotency) {
    let effects = Effects::default();
    let data = effects.clone();
    let server = serve(move || {
        let routes = |app: &mut web::ServiceConfig| data.register(app);
        App::new()
            .app_data(idempotency.clone())
            .configure(routes)
            .route("/plain", web::post().to(plain))
            .route("/other", web::post().to(other))
            .route("/streamed/{id}", web::post().to(streamed))
    });
    let mut request = server.post(path).json(&order());
    if path == "/other" {
        request = request.key_is_optional();
    }
    request.assert_once(async || effects.count()).await;
    assert_eq!(effects.count(), 2, "one effect for each of two keys");
}

#[actix_web::test]
async fn an_endpoint_with_the_attribute_passes() {
    is_right("/plain", fresh().build().unwrap()).await;
}

#[tokio::test]
async fn an_endpoint_with_other_policies_passes() {
    is_right("/other", fresh().reused_status(StatusCode::UNPROCESSABLE_ENTITY).build().unwrap()).await;
}

#[tokio::test]
async fn an_endpoint_that_refuses_in_another_format_passes() {
    is_right("/other", fresh().problem_format(ProblemFormat::Simple).build().unwrap()).await;
}

#[tokio::test]
async fn an_endpoint_that_streams_and_sets_cookies_passes() {
    is_right("/streamed/7?fast=1", fresh().build().unwrap()).await;
}

/// A format in which a key that is reused is a 400, as Stripe's is.
fn bad_request(refusal: &Refusal<'_>) -> HttpResponse {
    let status =
        if refusal.code() == RefusalCode::KeyReused { StatusCode::BAD_REQUEST } else { refusal.status() };
    HttpResponse::build(status).body(refusal.detail())
}

#[tokio::test]
async fn an_endpoint_that_refuses_with_a_status_of_its_own_passes_when_that_is_said() {
    let effects = Effects::default();
    let idempotency = fresh().problem_format(ProblemFormat::custom(bad_request)).build().unwrap();
    let data = effects.clone();
    let server = serve(move || {
        let routes = |app: &mut web::ServiceConfig| data.register(app);
        let app = App::new().app_data(idempotency.clone()).configure(routes);
        app.route("/plain", web::post().to(plain))
    });
    let request = server.post("/plain").json(&order());
    let faults = request.faults(async || effects.count()).await;
    assert!(faults.to_string().contains("`.reused_status(…)`"), "{faults}");
    request.reused_status(StatusCode::BAD_REQUEST).assert_once(async || effects.count()).await;
}
