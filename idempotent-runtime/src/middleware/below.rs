//! The service below a middleware as what answers a request.
//!
//! actix changes a request on its way down, and can do so only while nobody else has it. So the
//! middleware lends its request: it has another one only until the service begins, and gets it back
//! with the response.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Payload, Service, ServiceRequest, ServiceResponse},
};

use super::error::AnsweredError;
use crate::{
    response::capture::capture,
    run::{Callee, Covered, Handled},
};

/// A request, and the service below that answers it.
pub(super) struct Below<S> {
    request: HttpRequest,
    covered: Covered,
    service: Rc<S>,
    returned: Returned,
}

/// Place to which a request comes back.
#[derive(Clone)]
pub(super) struct Returned(Rc<RefCell<Lent>>);

/// A request that a middleware has lent.
enum Lent {
    /// It is back, or has not been needed.
    Back(HttpRequest),
    /// The service has it.
    Out,
    /// The service has failed, and nothing is made of that.
    Failed(Error),
}

impl<S> Below<S> {
    pub(super) fn new(request: HttpRequest, covered: Covered, service: Rc<S>) -> (Self, Returned) {
        let returned = Returned(Rc::new(RefCell::new(Lent::Back(request.clone()))));
        (Below { request, covered, service, returned: returned.clone() }, returned)
    }
}

impl<S, B> Below<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    /// Response of the service.
    async fn respond(
        request: HttpRequest,
        payload: Payload,
        service: &S,
        returned: &Returned,
    ) -> Result<HttpResponse, Error> {
        returned.0.replace(Lent::Out);
        let answer = service.call(ServiceRequest::from_parts(request, payload)).await?;
        let (request, response) = answer.into_parts();
        returned.0.replace(Lent::Back(request));
        Ok(response.map_into_boxed_body())
    }
}

impl<S, B> Callee for Below<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    fn request(&self) -> &HttpRequest {
        &self.request
    }

    fn pattern(&self) -> Option<String> {
        self.covered.pattern.as_deref().map(Into::into)
    }

    async fn pass_through(self, payload: Payload) -> HttpResponse {
        let Below { request, service, returned, .. } = self;
        match Self::respond(request, payload, &service, &returned).await {
            Ok(response) => response,
            Err(error) => {
                returned.0.replace(Lent::Failed(error));
                HttpResponse::InternalServerError().finish()
            }
        }
    }

    async fn answer(self, payload: Payload, limit: usize, began: &Cell<bool>) -> Handled {
        let Below { request, covered, service, returned } = self;
        covered.mark(&request);
        began.set(true);
        let response = Self::respond(request, payload, &service, &returned).await;
        let response = response.unwrap_or_else(HttpResponse::from_error);
        Handled::Answered(capture(response, limit).await)
    }
}

impl Returned {
    /// Answer of the middleware: `response`, with the request that it belongs to. Where the service
    /// has failed there is none, and the answer is an error with this response.
    pub(super) fn answer<B>(&self, response: HttpResponse) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        match self.0.replace(Lent::Out) {
            Lent::Back(request) => Ok(ServiceResponse::new(request, response.map_into_right_body())),
            Lent::Failed(error) => Err(error),
            Lent::Out => Err(AnsweredError::of(response)),
        }
    }
}
