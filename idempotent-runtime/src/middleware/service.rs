//! The middleware around one service.

use std::{
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use futures_util::future::LocalBoxFuture;

use super::{
    below::Below,
    pattern::pattern_of,
    rules::{Idempotent, Rules},
};
use crate::{
    engine::Idempotency,
    policy_ref::PolicyRef,
    request::Endpoint,
    run::{Covered, protected},
};

/// A service whose POST and PATCH requests an [`Idempotent`] covers.
#[derive(Debug)]
pub struct Covering<S> {
    service: Rc<S>,
    rules: Arc<Rules>,
}

impl<S, B> Transform<S, ServiceRequest> for Idempotent
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Covering<S>;
    type InitError = ();
    type Future = Ready<Result<Covering<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Covering { service: Rc::new(service), rules: Arc::clone(&self.0) }))
    }
}

impl<S, B> Service<ServiceRequest> for Covering<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match self.covers(&request) {
            Cover::Claims(pattern) => self.protect(request, pattern),
            Cover::Refuses(refusal) => {
                Box::pin(ready(Ok(request.into_response(refusal).map_into_right_body())))
            }
            Cover::Passes => {
                let passing = self.service.call(request);
                Box::pin(async { Ok(passing.await?.map_into_left_body()) })
            }
        }
    }
}

/// Decision of a middleware about a request.
enum Cover {
    /// It is claimed. Holds the pattern of its route, if that is known.
    Claims(Option<Arc<str>>),
    /// It is the service's alone: nothing covers it, or another middleware has claimed it.
    Passes,
    /// Another middleware has claimed it, and may not have.
    Refuses(HttpResponse),
}

impl<S> Covering<S> {
    /// Decision about `request`.
    fn covers(&self, request: &ServiceRequest) -> Cover {
        let request = request.request();
        if request.method().is_safe() {
            return Cover::Passes;
        }
        let pattern = pattern_of(request);
        if !self.rules.cover(request, pattern.as_deref()) {
            return Cover::Passes;
        }
        match Covered::of(request) {
            Some(covered) => covered
                .refusal("another `Idempotent`", &self.rules.policy, request)
                .map_or(Cover::Passes, Cover::Refuses),
            None => Cover::Claims(pattern.map(Into::into)),
        }
    }

    /// Answers `request` by the service, once per key.
    fn protect<B>(
        &self,
        request: ServiceRequest,
        pattern: Option<Arc<str>>,
    ) -> LocalBoxFuture<'static, Result<ServiceResponse<EitherBody<B>>, Error>>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody + 'static,
    {
        let (request, payload) = request.into_parts();
        let app = Idempotency::of(&request).clone();
        let endpoint = Endpoint::of(&app.0.settings.namespace, request.method(), pattern.as_deref());
        let policy = PolicyRef::Middleware(Arc::clone(&self.rules.policy), endpoint.as_str());
        let covered = Covered { pattern, policy: Arc::clone(&self.rules.policy), app };
        let (below, returned) = Below::new(request, covered, Rc::clone(&self.service));
        Box::pin(async move {
            let response = protected(policy, payload, below).await;
            returned.answer(response)
        })
    }
}
