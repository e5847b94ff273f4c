//! Settings that tell who calls.

use std::sync::Arc;

use actix_web::{Error, HttpRequest};

use super::builder::IdempotencyBuilder;
use crate::request::{AppPrincipal, Credential, Principal, PrincipalFn, extracting};

impl<Base> IdempotencyBuilder<Base> {
    /// Sets the function that tells who calls, by the head of the request alone. An error is the
    /// response.
    ///
    /// Default: callers are told apart by their [`credentials`](Self::credentials).
    ///
    /// The function is called after the key's form has been checked, before the body is read, and
    /// again for every retry. So a caller who has lost the right to a response does not get it.
    /// Middleware has run by then, extractors have not: where an extractor authenticates, set
    /// [`principal_from`](Self::principal_from) instead. Of the two the one that is set last holds.
    /// An endpoint's own `principal` wins over both.
    pub fn principal(
        mut self,
        principal: impl Fn(&HttpRequest) -> Result<Principal, Error> + Send + Sync + 'static,
    ) -> Self {
        self.settings.principal = Some(AppPrincipal::Plain(Arc::new(principal)));
        self
    }

    /// Sets the function that tells who calls, by extractors, as a handler takes them. An error,
    /// also an extractor's, is the response.
    ///
    /// ```
    /// use actix_web::{HttpMessage, HttpRequest, error::ErrorUnauthorized, web};
    /// use idempotent_runtime::{Idempotency, Principal};
    ///
    /// # struct Accounts;
    /// # impl Accounts {
    /// #     async fn of(&self, token: &str) -> Result<Option<u64>, actix_web::Error> {
    /// #         let _ = token;
    /// #         Ok(None)
    /// #     }
    /// # }
    /// # struct Token(String);
    /// # impl actix_web::FromRequest for Token {
    /// #     type Error = actix_web::Error;
    /// #     type Future = std::future::Ready<Result<Self, Self::Error>>;
    /// #     fn from_request(_: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
    /// #         std::future::ready(Ok(Token(String::new())))
    /// #     }
    /// # }
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder()
    ///     .principal_from(async |token: Token, accounts: web::Data<Accounts>| {
    ///         match accounts.of(&token.0).await? {
    ///             Some(account) => Ok(Principal::new(account.to_be_bytes())),
    ///             None => Err(ErrorUnauthorized("who are you?")),
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// The function may capture what it needs, and wait for a database. It is called when
    /// [`principal`](Self::principal) is: before the body is read, so that its extractors find the
    /// body empty, and again for every retry. An extractor that authenticates guards replays only
    /// if this function takes it. The handler's own extractors run when the handler does, and a
    /// replay runs no handler.
    pub fn principal_from<Args: 'static>(mut self, principal: impl PrincipalFn<Args> + Send + Sync) -> Self {
        self.settings.principal = Some(AppPrincipal::Extracting(extracting(principal)));
        self
    }

    /// Sets the credentials by which callers are told apart where no principal is configured.
    /// Default: the headers `Authorization`, `Cookie` and `X-Api-Key`. An empty list tells nobody
    /// apart.
    ///
    /// Credentials are part of the fingerprint: a caller who sends somebody else's key gets
    /// `key_reused`, and never the other caller's response. A caller whose credentials change
    /// between a try and its retry (a renewed token, a cookie of analytics) gets `key_reused` too:
    /// name credentials that stay the same, or tell who calls with
    /// [`principal_from`](Self::principal_from). By the default, the log warns of the first request
    /// of an endpoint that brings a cookie.
    ///
    /// ```
    /// use idempotent_runtime::{Credential, Idempotency};
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// // The session's cookie, and none of those that change with every request.
    /// let idempotency = Idempotency::builder().credentials([Credential::cookie("id")]).build()?;
    /// # Ok(()) }
    /// ```
    pub fn credentials(mut self, credentials: impl IntoIterator<Item = Credential>) -> Self {
        self.credentials = Some(credentials.into_iter().collect());
        self
    }
}
