//! A handler as what answers a request: its extractors, the handler, and its response's body.

use std::{cell::Cell, marker::PhantomData};

use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, dev::Payload};

use super::callee::{Callee, Handled};
use crate::response::capture::capture;

/// A handler with extractors `Args`, and its request.
pub(super) struct HandlerCallee<H, Args> {
    request: HttpRequest,
    handler: H,
    args: PhantomData<fn(Args)>,
}

impl<H, Args> HandlerCallee<H, Args> {
    pub(super) fn new(request: HttpRequest, handler: H) -> Self {
        HandlerCallee { request, handler, args: PhantomData }
    }
}

impl<H, Args> Callee for HandlerCallee<H, Args>
where
    H: Handler<Args, Output: Responder>,
    Args: FromRequest + 'static,
{
    fn request(&self) -> &HttpRequest {
        &self.request
    }

    fn pattern(&self) -> Option<String> {
        self.request.match_pattern()
    }

    async fn pass_through(self, mut payload: Payload) -> HttpResponse {
        let HandlerCallee { request, handler, .. } = self;
        match Args::from_request(&request, &mut payload).await {
            Ok(args) => handler.call(args).await.respond_to(&request).map_into_boxed_body(),
            Err(error) => HttpResponse::from_error(error),
        }
    }

    #[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
    fn answer(self, mut payload: Payload, limit: usize, began: &Cell<bool>) -> impl Future<Output = Handled> {
        async move {
            let HandlerCallee { request, handler, .. } = self;
            let args = match Args::from_request(&request, &mut payload).await {
                Ok(args) => args,
                Err(error) => return Handled::NeverBegan(HttpResponse::from_error(error)),
            };
            began.set(true);
            let response = handler.call(args).await.respond_to(&request).map_into_boxed_body();
            Handled::Answered(capture(response, limit).await)
        }
    }
}
