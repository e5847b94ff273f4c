//! Mark of responses that no retry will get.

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};

const STORED: HeaderName = HeaderName::from_static("idempotency-stored");

/// Marks a response that a retry will not get.
pub(crate) fn mark_not_stored(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(STORED, HeaderValue::from_static("false"));
    response
}
