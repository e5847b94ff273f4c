//! Responses that operations share, by reference.

use utoipa::openapi::{Components, RefOr, Response};

/// The response itself, where it can be found.
pub(super) fn resolved<'a>(
    response: &'a RefOr<Response>,
    components: Option<&'a Components>,
) -> Option<&'a Response> {
    match response {
        RefOr::T(response) => Some(response),
        RefOr::Ref(reference) => {
            let name = reference.ref_location.strip_prefix("#/components/responses/")?;
            match components?.responses.get(name)? {
                RefOr::T(response) => Some(response),
                RefOr::Ref(_) => None,
            }
        }
    }
}
