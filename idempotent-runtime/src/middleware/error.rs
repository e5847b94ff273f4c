//! Error of the service below, which has been answered.

use std::fmt;

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::MessageBody,
    error::InternalError,
    http::{StatusCode, header::HeaderMap},
};
use bytes::Bytes;

use crate::response::OwnAnswer;

/// An error with the response that was given for it. Middlewares outside look at an error's
/// response as often as they like, and each look makes it anew.
#[derive(Debug)]
pub(super) struct AnsweredError {
    cause: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    own: Option<OwnAnswer>,
}

impl AnsweredError {
    /// The error that has this response. A body that is still to come can be had only once.
    pub(super) fn of(response: HttpResponse) -> Error {
        let cause = response.error().map(ToString::to_string).unwrap_or_default();
        let (status, own) = (response.status(), OwnAnswer::of(&response));
        let (head, body) = response.into_parts();
        let headers = head.headers().clone();
        match body.try_into_bytes() {
            Ok(body) => AnsweredError { cause, status, headers, body, own }.into(),
            Err(body) => InternalError::from_response(cause, head.set_body(body)).into(),
        }
    }
}

impl fmt::Display for AnsweredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl ResponseError for AnsweredError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status, self.body.clone()).map_into_boxed_body();
        *response.headers_mut() = self.headers.clone();
        if let Some(own) = self.own {
            response.extensions_mut().insert(own);
        }
        response
    }
}
