use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::sleep;

use crate::{
    Builder, Operation, Unanswered,
    classify::Decision,
    key_source::{check_unkeyed, is_keyed},
    response::ReceivedResponse,
    retry::Retries,
};

/// Gives POST and PATCH requests a key, and sends them again with that key until they are answered;
/// see the [crate](crate) for the rules.
///
/// A call that is given up ends with [`Unanswered`]. Any other error came before anything was sent,
/// and says so.
#[derive(Clone, Debug)]
pub struct Idempotent {
    settings: Builder,
}

impl Idempotent {
    /// The settings to begin with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(settings: Builder) -> Self {
        Idempotent { settings }
    }

    async fn send(&self, request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let mut retries = Retries::begin(self.settings.bounds);
        loop {
            let Some(copy) = request.try_clone() else {
                return next.run(request, extensions).await;
            };
            let response = retries.bound(ReceivedResponse::of(copy, extensions, next.clone())).await;
            let Decision::Retry { after } = Decision::on(&response) else {
                return response.map(ReceivedResponse::into_response);
            };
            let Some(delay) = retries.next_delay(after) else {
                return response.map(ReceivedResponse::into_response);
            };
            // Its connection is of use to others meanwhile.
            drop(response);
            sleep(delay).await;
        }
    }
}

impl Default for Idempotent {
    fn default() -> Self {
        Self::builder().build()
    }
}

#[async_trait]
impl Middleware for Idempotent {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let operation = extensions.get::<Operation>().cloned();
        if !is_keyed(request.method()) {
            check_unkeyed(request.method(), operation.as_ref()).map_err(Error::middleware)?;
            return next.run(request, extensions).await;
        }
        let key = self.settings.key_of(&mut request, operation.as_ref()).await.map_err(Error::middleware)?;
        match self.send(request, extensions, next).await {
            Ok(mut response) => {
                response.extensions_mut().insert(key);
                Ok(response)
            }
            Err(source) => Err(Error::middleware(Unanswered { key, source })),
        }
    }
}
