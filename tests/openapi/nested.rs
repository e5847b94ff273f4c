//! Operations below prefixes, and documents that are put together at run time.

use actix_web::{HttpResponse, post, web};
use idempotent_runtime::{
    idempotent,
    openapi::{Documentation, Policies, unprotected},
};
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, scope};

use crate::operation;

#[utoipa::path(responses((status = 201, description = "made")))]
#[post("/parcels/{id:[0-9]+}/labels")]
#[idempotent(scope = "resource")]
async fn create_label(_id: web::Path<u64>) -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(context_path = "/v3", responses((status = 201, description = "made")))]
#[post("/pallets")]
#[idempotent(scope = "group:pallets")]
async fn create_pallet() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(responses((status = 201, description = "made")))]
#[post("/crates")]
async fn create_crate() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[derive(OpenApi)]
#[openapi(paths(create_label, create_pallet))]
struct Parcels;

#[derive(OpenApi)]
#[openapi(nest((path = "/api", api = Parcels, tags = ["parcels"])), modifiers(&Policies))]
struct Api;

#[test]
fn an_operation_is_found_below_a_prefix() {
    let document = Api::openapi();
    let label = operation(&document, "/api/parcels/{id}/labels", "post");
    let pallet = operation(&document, "/api/v3/pallets", "post");
    assert_eq!(label["x-idempotency"]["scope"], "resource");
    assert_eq!(pallet["x-idempotency"]["scope"], "group:pallets");
    assert_eq!(label["parameters"][0]["name"], "id");
    assert_eq!(label["parameters"][1]["name"], "idempotency-key");
}

#[test]
fn a_document_of_utoipa_actix_web_is_described() {
    let (_, mut document) = actix_web::App::new()
        .into_utoipa_app()
        .service(scope::scope("/depot").service(create_label).service(create_crate))
        .split_for_parts();
    Documentation::default().add_to(&mut document).unwrap();
    let label = operation(&document, "/depot/parcels/{id}/labels", "post");
    assert_eq!(label["x-idempotency"]["scope"], "resource");
    let left: Vec<_> = unprotected(&document).iter().map(ToString::to_string).collect();
    assert_eq!(left, ["POST /depot/crates"]);
}

#[test]
fn one_handler_at_two_places_is_documented_at_each_when_told_so() {
    let mut document =
        utoipa::openapi::OpenApi::default().nest("/a", Parcels::openapi()).nest("/b", Parcels::openapi());
    let documentation = Documentation::default();
    assert_eq!(documentation.add_to(&mut document).unwrap_err().operations.len(), 4);
    for prefix in ["/a", "/b"] {
        Documentation::default().under(prefix).add_to(&mut document).unwrap();
        let path = format!("{prefix}/parcels/{{id}}/labels");
        assert_eq!(operation(&document, &path, "post")["x-idempotency"]["scope"], "resource");
    }
    assert_eq!(unprotected(&document), []);
}

#[test]
fn a_prefix_ends_where_a_part_of_the_path_ends() {
    let mut document = utoipa::openapi::OpenApi::default().nest("/api", Parcels::openapi());
    let before = document.clone();
    Documentation::default().under("/ap").add_to(&mut document).unwrap();
    assert!(document == before);
}

#[test]
fn describing_twice_is_describing_once() {
    let mut document = Api::openapi();
    let before = document.clone();
    Documentation::default().add_to(&mut document).unwrap();
    assert!(document == before);
}
