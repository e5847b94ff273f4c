use async_trait::async_trait;
use http::{Extensions, HeaderValue, Method};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{Builder, Operation, answer::Answer, schedule::Schedule, verdict::Verdict};

const NO_JOURNAL: &str = "there is no journal, which Idempotent::builder().journal(…) sets";

/// Gives POST and PATCH requests a key, and sends them again with it until they are answered; see the [crate](crate) for the rules.
///
/// Errors are those of the last try, `TimedOut` where it took too long, and those of the journal, with which nothing has been sent.
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

    async fn give_key(&self, request: &mut Request, extensions: &Extensions) -> Result<()> {
        if request.headers().contains_key(&self.settings.header) {
            return Ok(());
        }
        let fresh = Uuid::now_v7().to_string();
        let key = match extensions.get::<Operation>() {
            Some(operation) => self.kept(operation, fresh).await?,
            None => fresh,
        };
        let value = HeaderValue::try_from(self.settings.form.of(&key)).map_err(Error::middleware)?;
        request.headers_mut().insert(self.settings.header.clone(), value);
        Ok(())
    }

    async fn kept(&self, operation: &Operation, fresh: String) -> Result<String> {
        let failed =
            |source: crate::BoxError| Error::middleware(NotKept { operation: operation.clone(), source });
        let journal = self.settings.journal.as_deref().ok_or_else(|| failed(NO_JOURNAL.into()))?;
        journal.load_or_insert(operation.name(), fresh).await.map_err(failed)
    }

    async fn send(&self, request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let mut schedule = Schedule::begun(self.settings.bounds);
        loop {
            let Some(copy) = request.try_clone() else {
                return next.run(request, extensions).await;
            };
            let answer = schedule.bound(Answer::to(copy, extensions, next.clone())).await;
            let Verdict::Again { after } = Verdict::on(&answer) else {
                return answer.map(Answer::into_response);
            };
            let Some(pause) = schedule.pause(after) else {
                return answer.map(Answer::into_response);
            };
            // Its connection is of use to others meanwhile.
            drop(answer);
            sleep(pause).await;
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
        if ![Method::POST, Method::PATCH].contains(request.method()) {
            return next.run(request, extensions).await;
        }
        self.give_key(&mut request, extensions).await?;
        self.send(request, extensions, next).await
    }
}

/// The key of an operation could not be kept, so nothing was sent.
#[derive(Debug)]
struct NotKept {
    operation: Operation,
    source: crate::BoxError,
}

impl std::fmt::Display for NotKept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the key of operation {} was not kept: {}", self.operation, self.source)
    }
}

impl std::error::Error for NotKept {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
