//! A handler is found whichever way its attributes are ordered.

use actix_web::{HttpResponse, post, route, routes, web};
use idempotent_runtime::{idempotent, openapi::Policies};
use utoipa::{OpenApi, openapi::HttpMethod};

use crate::operation;

#[utoipa::path(responses((status = 201, description = "made")))]
#[post("/utoipa-post-idempotent")]
#[idempotent(ttl = "25h")]
async fn utoipa_post_idempotent(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[utoipa::path(responses((status = 201, description = "made")))]
#[idempotent(ttl = "26h")]
#[post("/utoipa-idempotent-post")]
async fn utoipa_idempotent_post(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent(ttl = "27h")]
#[utoipa::path(request_body = String, responses((status = 201, description = "made")))]
#[post("/idempotent-utoipa-post")]
async fn idempotent_utoipa_post(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[utoipa::path(post, path = "/utoipa-idempotent", responses((status = 201, description = "made")))]
#[idempotent(ttl = "28h")]
async fn utoipa_idempotent(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent(ttl = "29h")]
#[utoipa::path(post, path = "/idempotent-utoipa", responses((status = 201, description = "made")))]
async fn idempotent_utoipa(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

mod imported {
    pub(super) use utoipa::path;
}

use imported::path as describe;

#[cfg_attr(all(), describe(responses((status = 201, description = "made"))))]
#[post("/renamed")]
#[idempotent(ttl = "30h")]
async fn renamed(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[utoipa::path(post, path = "/generic", responses((status = 201, description = "made")))]
#[idempotent(ttl = "31h")]
async fn generic<T: 'static>(_repo: web::Data<T>) -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(method(post, put), path = "/two-routes", responses((status = 201, description = "made")))]
#[routes]
#[post("/two-routes")]
#[put("/two-routes")]
#[idempotent(ttl = "32h")]
async fn two_routes(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[utoipa::path(method(get, patch), path = "/two-methods", responses((status = 201, description = "made")))]
#[route("/two-methods", method = "GET", method = "PATCH")]
#[idempotent(ttl = "33h")]
async fn two_methods(body: String) -> HttpResponse {
    HttpResponse::Created().body(body)
}

fn of_account<T>(_: &actix_web::HttpRequest, body: &[u8]) -> Vec<u8> {
    [std::any::type_name::<T>().as_bytes(), body].concat()
}

#[utoipa::path(put, path = "/by-type", responses((status = 201, description = "made")))]
#[idempotent(ttl = "34h", fingerprint = "of_account::<T>")]
async fn r#by_type<T: 'static>(_repo: web::Data<T>) -> HttpResponse {
    HttpResponse::Created().finish()
}

#[derive(OpenApi)]
#[openapi(
    paths(
        utoipa_post_idempotent,
        utoipa_idempotent_post,
        idempotent_utoipa_post,
        utoipa_idempotent,
        idempotent_utoipa,
        renamed,
        generic,
        two_routes,
        two_methods,
        by_type
    ),
    modifiers(&Policies)
)]
struct Api;

#[test]
fn a_handler_is_documented_in_every_order_of_its_attributes() {
    let document = Api::openapi();
    for (path, method, hours) in [
        ("/utoipa-post-idempotent", "post", 25),
        ("/utoipa-idempotent-post", "post", 26),
        ("/idempotent-utoipa-post", "post", 27),
        ("/utoipa-idempotent", "post", 28),
        ("/idempotent-utoipa", "post", 29),
        ("/renamed", "post", 30),
        ("/generic", "post", 31),
        ("/two-routes", "post", 32),
        ("/two-routes", "put", 32),
        ("/two-methods", "patch", 33),
        ("/by-type", "put", 34),
    ] {
        let operation = operation(&document, path, method);
        assert_eq!(operation["x-idempotency"]["ttl_seconds"], hours * 3600, "{method} {path}");
        assert_eq!(operation["parameters"][0]["name"], "idempotency-key", "{method} {path}");
    }
    let safe = operation(&document, "/two-methods", "get");
    assert!(safe["x-idempotency"].is_null(), "{safe}");
}

/// All handlers above are routed, so that nothing here is only ever described.
#[test]
fn what_is_documented_can_be_registered() {
    let app = actix_web::App::new()
        .service((utoipa_post_idempotent, utoipa_idempotent_post, idempotent_utoipa_post, renamed))
        .service((two_routes, two_methods))
        .route("/utoipa-idempotent", web::post().to(utoipa_idempotent))
        .route("/idempotent-utoipa", web::post().to(idempotent_utoipa))
        .route("/generic", web::post().to(generic::<String>))
        .route("/by-type", web::put().to(by_type::<String>));
    drop(app);
    let methods = <__path_two_routes as utoipa::Path>::methods();
    assert!(matches!(methods[..], [HttpMethod::Post, HttpMethod::Put]));
}
