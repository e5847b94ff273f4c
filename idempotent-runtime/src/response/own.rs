//! Answers that the library gives in a handler's place. None of them is ever an outcome.

use actix_web::{HttpResponse, http::StatusCode};

/// Mark of a response that the library has made, and that a handler passes on: by `?`, or as the
/// answer of an error type that holds the library's own. The application has not said it, so it is
/// not stored. A handler that answers with a response of its own has no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnAnswer {
    /// Something could not be done, or is used wrongly. The next attempt may run.
    Failed,
    /// The claim is lost: another execution decides what the key's answer is.
    Lost,
}

impl OwnAnswer {
    /// A response of this status and text, with the mark.
    pub(crate) fn respond(self, status: StatusCode, text: &impl ToString) -> HttpResponse {
        let mut response = HttpResponse::build(status).body(text.to_string());
        response.extensions_mut().insert(self);
        response
    }

    /// The mark of a response, if it has one.
    pub(crate) fn of<B>(response: &HttpResponse<B>) -> Option<Self> {
        response.extensions().get().copied()
    }
}
