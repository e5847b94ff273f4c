//! Statuses whose responses have no content, or are no outcome.

use actix_web::{
    HttpResponse,
    body::{BodySize, MessageBody},
    http::StatusCode,
};

/// True for statuses whose responses may have content. The others are 1xx, 204, 205 and 304 (RFC
/// 9110, sections 15.2, 15.3.5, 15.3.6 and 15.4.5). A client reads no content after them, and takes
/// what is there for the beginning of the next response.
pub(crate) fn may_have_content(status: StatusCode) -> bool {
    !(status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED))
}

/// Content of a response of this status, out of the body that it was given.
pub(super) fn content(status: StatusCode, body: &[u8]) -> &[u8] {
    if may_have_content(status) { body } else { &[] }
}

/// True for a response that is an outcome, and whose record is replayed as it is meant.
pub(crate) fn is_recordable(response: &HttpResponse) -> bool {
    let is_empty = matches!(response.body().size(), BodySize::None | BodySize::Sized(0));
    !response.status().is_informational() && (is_empty || may_have_content(response.status()))
}
