//! Answers that the library gives in a handler's place. None of them is ever an outcome.

use actix_web::{HttpResponse, http::StatusCode};

/// Mark of a response that the library has made, and that a handler passes on: by `?`, or as the
/// answer of an error type that holds the library's own. It is no word of the application's, so it
/// is not stored. A handler that answers with a response of its own has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnAnswer {
    /// Something could not be done, or is used wrongly: the next attempt may run.
    Failed,
    /// The claim is lost: somebody else has the next word.
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
