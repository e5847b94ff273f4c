//! Takes a handler's response apart: whole, so that it can be stored, or passing through.

use std::{
    future::{Ready, poll_fn, ready},
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    http::{StatusCode, header::CONTENT_TYPE},
};
use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt,
    future::{Either, LocalBoxFuture},
};

use super::{OwnAnswer, content::may_have_content};

type BodyError = Box<dyn std::error::Error>;

/// A handler's response.
#[derive(Debug)]
pub(crate) enum Captured {
    /// With all of its body, or with none where it has none.
    Whole(HttpResponse<()>, Option<Bytes>),
    /// With a body that was not read to its end: the part that was read comes before the part that
    /// is still to come.
    Passing(HttpResponse),
}

impl Captured {
    /// The response's status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Captured::Whole(head, _) => head.status(),
            Captured::Passing(response) => response.status(),
        }
    }

    /// Mark of the library's own answer, if it is one.
    pub(crate) fn own_answer(&self) -> Option<OwnAnswer> {
        match self {
            Captured::Whole(head, _) => OwnAnswer::of(head),
            Captured::Passing(response) => OwnAnswer::of(response),
        }
    }

    /// The response, to be sent.
    pub(crate) fn into_response(self) -> HttpResponse {
        match self {
            Captured::Whole(head, Some(body)) => head.set_body(body).map_into_boxed_body(),
            Captured::Whole(head, None) => head.set_body(body::None::new()).map_into_boxed_body(),
            Captured::Passing(response) => response,
        }
    }
}

/// Reads the body of `response`, as far as `limit` and its kind allow. A body that is there already
/// takes no room in the future that waits.
///
/// If the status has no content the body is dropped unread, for the client as for the record: on
/// the wire it would be taken for another response.
pub(crate) fn capture(
    response: HttpResponse,
    limit: usize,
) -> Either<Ready<Captured>, LocalBoxFuture<'static, Captured>> {
    if passes_through(&response) {
        return ready(Captured::Passing(response)).left_future();
    }
    let (head, body) = response.into_parts();
    let captured = match body.size() {
        BodySize::None => Captured::Whole(head, None),
        _ if !may_have_content(head.status()) => Captured::Whole(head, Some(Bytes::new())),
        BodySize::Sized(length) if length > limit as u64 => Captured::Passing(head.set_body(body)),
        _ => match body.try_into_bytes() {
            Ok(bytes) => Captured::Whole(head, Some(bytes)),
            Err(body) => return buffer(head, body, limit).boxed_local().right_future(),
        },
    };
    ready(captured).left_future()
}

/// True for an event stream and for an upgraded connection: neither has an end to wait for.
fn passes_through(response: &HttpResponse) -> bool {
    if !may_have_content(response.status()) {
        return response.status() == StatusCode::SWITCHING_PROTOCOLS;
    }
    response.headers().get(CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

async fn buffer(head: HttpResponse<()>, mut body: BoxBody, limit: usize) -> Captured {
    let size = body.size();
    let mut read = BytesMut::new();
    let rest = loop {
        match poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            None => return Captured::Whole(head, Some(read.freeze())),
            Some(Ok(chunk)) => {
                read.extend_from_slice(&chunk);
                if read.len() > limit {
                    break Rest::Body(body);
                }
            }
            Some(Err(error)) => break Rest::Failing(Some(error)),
        }
    };
    let body = Resumed { size, read: Some(read.freeze()), rest };
    Captured::Passing(head.set_body(body).map_into_boxed_body())
}

/// A body of which a part has been read already.
///
/// When a body fails, actix forgets what it has not sent yet, so an error waits until the rest has
/// been sent.
struct Resumed {
    size: BodySize,
    read: Option<Bytes>,
    rest: Rest,
}

enum Rest {
    Body(BoxBody),
    /// The body fails once the part that was read has been sent.
    Failing(Option<BodyError>),
    Failed(Option<BodyError>),
}

impl MessageBody for Resumed {
    type Error = BodyError;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if let Some(read) = this.read.take().filter(|read| !read.is_empty()) {
            return Poll::Ready(Some(Ok(read)));
        }
        let error = match &mut this.rest {
            Rest::Body(body) => match ready!(Pin::new(body).poll_next(context)) {
                Some(Err(error)) => Some(error),
                chunk => return Poll::Ready(chunk),
            },
            Rest::Failing(error) => error.take(),
            Rest::Failed(error) => return Poll::Ready(error.take().map(Err)),
        };
        this.rest = Rest::Failed(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
