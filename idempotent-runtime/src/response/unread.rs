//! Responses to requests whose bodies are not read to their ends.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::Payload,
};
use bytes::Bytes;

/// The response, together with what is left of the request's body.
///
/// Where the body is not there yet, actix closes the connection after the response. It does so for
/// a chunked body only as long as somebody holds the body: else it reads the body to its end first,
/// however long that takes.
pub(crate) fn instead_of(rest: Payload, response: HttpResponse) -> HttpResponse {
    response.map_body(|_, body| Unread { body, _rest: rest }).map_into_boxed_body()
}

struct Unread {
    body: BoxBody,
    _rest: Payload,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}
