//! Endpoints that are right.

use actix_web::{App, HttpResponse, http::StatusCode, web};
use idempotent_runtime::{Idempotency, ProblemFormat, idempotent, testing::serve};

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
    is_right("/plain", Idempotency::builder().build().unwrap()).await;
}

#[tokio::test]
async fn an_endpoint_with_other_policies_passes() {
    is_right(
        "/other",
        Idempotency::builder().reused_status(StatusCode::UNPROCESSABLE_ENTITY).build().unwrap(),
    )
    .await;
}

#[tokio::test]
async fn an_endpoint_that_refuses_in_another_format_passes() {
    is_right("/other", Idempotency::builder().problem_format(ProblemFormat::Simple).build().unwrap()).await;
}

#[tokio::test]
async fn an_endpoint_that_streams_and_sets_cookies_passes() {
    is_right("/streamed/7?fast=1", Idempotency::builder().build().unwrap()).await;
}
