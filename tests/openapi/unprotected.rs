//! The operations that no policy covers.

use actix_web::HttpResponse;
use idempotent_runtime::{
    idempotent,
    openapi::{Documentation, unprotected},
};
use utoipa::{OpenApi, openapi::OpenApi as OpenApiDocument};

/// A handler that utoipa describes.
macro_rules! handler {
    ($name:ident, $method:ident, $path:literal $(, $idempotent:meta)?) => {
        #[utoipa::path($method, path = $path, responses((status = 200, description = "done")))]
        $(#[$idempotent])?
        #[allow(dead_code, reason = "is only described")]
        async fn $name() -> HttpResponse {
            HttpResponse::Ok().finish()
        }
    };
}

handler!(list_bare, get, "/bare");
handler!(create_bare, post, "/bare");
handler!(change_bare, patch, "/bare/{id}");
handler!(replace_bare, put, "/bare/{id}");
handler!(remove_bare, delete, "/bare/{id}");
handler!(create_covered, post, "/covered", idempotent);
handler!(change_covered, patch, "/covered/{id}", idempotent(required = false));

#[derive(OpenApi)]
#[openapi(paths(
    list_bare,
    create_bare,
    change_bare,
    replace_bare,
    remove_bare,
    create_covered,
    change_covered
))]
struct Api;

#[test]
fn posts_and_patches_without_a_policy_are_listed() {
    let mut document = Api::openapi();
    let listed = |document: &OpenApiDocument| {
        unprotected(document).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed(&document), ["POST /bare", "PATCH /bare/{id}"]);
    Documentation::default().add_to(&mut document).unwrap();
    assert_eq!(listed(&document), ["POST /bare", "PATCH /bare/{id}"]);
}

#[test]
fn an_operation_that_was_changed_before_is_listed() {
    let mut document = Api::openapi();
    let covered = document.paths.paths.get_mut("/covered").unwrap().post.as_mut().unwrap();
    covered.summary = Some("Another one".to_owned());
    Documentation::default().add_to(&mut document).unwrap();
    assert!(unprotected(&document).iter().any(|operation| operation.path == "/covered"));
}
