//! Two handlers of one name, in two modules.

use actix_web::HttpResponse;
use idempotent_runtime::{
    idempotent,
    openapi::{Documentation, Policies, unprotected},
};
use serde_json::Value;
use utoipa::{OpenApi, openapi};

use crate::operation;

/// A module with a handler `create` for `POST /things`, and documents of it.
macro_rules! version {
    ($module:ident, $ttl:literal) => {
        mod $module {
            use super::*;

            #[utoipa::path(post, path = "/things", responses((status = 201, description = "made")))]
            #[idempotent(ttl = $ttl)]
            #[allow(dead_code, reason = "is only described")]
            pub(super) async fn create() -> HttpResponse {
                HttpResponse::Created().finish()
            }

            #[derive(OpenApi)]
            #[openapi(paths(create))]
            pub(super) struct Api;
        }
    };
}

version!(first, "25h");
version!(second, "26h");

/// The same, but no key protects it.
mod bare {
    use super::*;

    #[utoipa::path(post, path = "/things", responses((status = 201, description = "made")))]
    #[allow(dead_code, reason = "is only described")]
    pub(super) async fn create() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

/// The same, in other words.
mod other {
    use super::*;

    /// Makes another thing.
    #[utoipa::path(post, path = "/things", responses((status = 201, description = "made")))]
    #[idempotent(ttl = "27h")]
    #[allow(dead_code, reason = "is only described")]
    pub(super) async fn create() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

/// Has the same name as a handler whose description is imported, and none of its own.
mod importing {
    use super::*;
    #[allow(unused_imports, reason = "what could be taken for the description of the handler below")]
    use second::*;

    #[idempotent(ttl = "99h")]
    #[allow(dead_code, reason = "is only annotated")]
    async fn create() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

fn ttl_hours(document: &openapi::OpenApi, path: &str) -> Value {
    let seconds = operation(document, path, "post")["x-idempotency"]["ttl_seconds"].as_u64();
    seconds.map(|seconds| seconds / 3600).into()
}

#[derive(OpenApi)]
#[openapi(
    nest((path = "/v1", api = first::Api), (path = "/v2", api = second::Api)),
    modifiers(&Policies)
)]
struct Nested;

#[derive(OpenApi)]
#[openapi(paths(first::create))]
struct First;

#[derive(OpenApi)]
#[openapi(paths(second::create))]
struct Second;

#[derive(OpenApi)]
#[openapi(paths(bare::create))]
struct Bare;

#[derive(OpenApi)]
#[openapi(paths(other::create))]
struct Other;

#[test]
fn handlers_of_one_name_and_path_have_each_their_own_policy_in_nested_documents() {
    let document = Nested::openapi();
    assert_eq!(ttl_hours(&document, "/v1/things"), 25);
    assert_eq!(ttl_hours(&document, "/v2/things"), 26);
}

#[test]
fn the_tag_that_utoipa_makes_of_a_path_tells_modules_apart() {
    let root = openapi::OpenApi::default();
    let mut document = root.nest("/v1", First::openapi()).nest("/v2", Second::openapi());
    Documentation::default().add_to(&mut document).unwrap();
    assert_eq!(ttl_hours(&document, "/v1/things"), 25);
    assert_eq!(ttl_hours(&document, "/v2/things"), 26);
}

#[test]
fn what_is_said_of_handlers_tells_them_apart() {
    let mut document = Other::openapi();
    for item in document.paths.paths.values_mut() {
        item.post.as_mut().unwrap().tags = None;
    }
    Documentation::default().add_to(&mut document).unwrap();
    assert_eq!(ttl_hours(&document, "/things"), 27);
}

/// Two operations in the same words, and nothing that tells of which module they are.
fn untagged() -> openapi::OpenApi {
    openapi::OpenApi::default().nest("/v1", first::Api::openapi()).nest("/v2", second::Api::openapi())
}

#[test]
fn what_cannot_be_told_apart_is_an_error_and_is_left_as_it_is() {
    let mut document = untagged();
    let before = document.clone();
    let error = Documentation::default().add_to(&mut document).unwrap_err();
    assert!(document == before);
    let message = error.to_string();
    for part in [
        "POST /v1/things",
        "POST /v2/things",
        "names::first::create or ",
        "names::second::create",
        "operation_id",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn the_application_can_say_what_belongs_together() {
    let mut document = untagged();
    for (module, prefix) in [("first", "/v1"), ("second", "/v2")] {
        let module = format!("{}::{module}", module_path!());
        Documentation::default().within(module).under(prefix).add_to(&mut document).unwrap();
    }
    assert_eq!(ttl_hours(&document, "/v1/things"), 25);
    assert_eq!(ttl_hours(&document, "/v2/things"), 26);
}

#[test]
fn a_handler_that_no_key_protects_is_not_taken_for_one_that_is() {
    let root = openapi::OpenApi::default();
    let mut document = root.nest("/v1", First::openapi()).nest("/bare", Bare::openapi());
    let error = Documentation::default().add_to(&mut document).unwrap_err();
    assert_eq!(ttl_hours(&document, "/v1/things"), 25);
    assert_eq!(ttl_hours(&document, "/bare/things"), Value::Null);
    assert_eq!(unprotected(&document), error.operations);
    assert!(error.operations[0].to_string().starts_with("POST /bare/things (it may be "), "{error}");
}

#[test]
fn a_handler_without_a_description_does_not_take_an_imported_one() {
    let mut document = Second::openapi();
    Documentation::default().add_to(&mut document).unwrap();
    assert_eq!(ttl_hours(&document, "/things"), 26);
}
