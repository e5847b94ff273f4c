//! Statuses whose responses have no content.

use actix_web::http::StatusCode;

/// Tells the statuses whose responses may have content from those that never do: 1xx, 204, 205 and
/// 304 (RFC 9110, sections 15.2, 15.3.5, 15.3.6 and 15.4.5). A client reads none after them, and
/// takes what is there for the beginning of the next response.
pub(crate) fn may_have_content(status: StatusCode) -> bool {
    !(status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED))
}

/// The content of a response of this status, out of what it was given as its body.
pub(super) fn content(status: StatusCode, body: &[u8]) -> &[u8] {
    if may_have_content(status) { body } else { &[] }
}
