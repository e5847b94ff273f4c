//! Settings of an application, checked once.

use std::{borrow::Cow, time::Duration};

use actix_web::{Error, HttpRequest, http::StatusCode};

use super::{
    assemble::{Local, assemble, handle, shared_memory},
    checks,
    error::BuildError,
    process,
};
use crate::{
    clock::{Clock, SystemClock},
    engine::{
        Idempotency, OnStoreError, Settings,
        settings::{BODY_LIMIT, BODY_TIMEOUT, HEADER, in_force, wall_clock},
    },
    observe::{Listener, ListenerHandle},
    reconcile::{AbandonedExecution, Reconcile, Resolution},
    request::{AppPrincipal, Credential, KeyFormat, Principal, PrincipalFn},
    response::{ProblemFormat, refusal::RefusalSettings},
    store::{MemoryStore, Store, StoreHandle},
    sync::Arc,
};

/// Settings of an [`Idempotency`].
#[derive(Default)]
#[must_use = "nothing is set up before `build`"]
pub struct IdempotencyBuilder {
    store: Option<Box<dyn FnOnce(Local) -> StoreHandle>>,
    local_cache: Option<u64>,
    clock: Option<Arc<dyn Clock>>,
    namespace: String,
    principal: Option<AppPrincipal>,
    credentials: Option<Vec<Credential>>,
    reconcile: Option<Box<dyn Reconcile>>,
    listener: Option<ListenerHandle>,
    header_name: Option<String>,
    key_format: KeyFormat,
    lease: Option<Duration>,
    body_timeout: Option<Duration>,
    max_request_body: Option<usize>,
    max_response_body: Option<usize>,
    reused_status: Option<StatusCode>,
    on_store_error: OnStoreError,
    remember_expired: Duration,
    replay_set_cookie: bool,
    problem_type_base: Option<String>,
    problem_format: ProblemFormat,
    should_retry_header: bool,
}

impl IdempotencyBuilder {
    /// Sets the store, which keeps claims and records. Default: one [`MemoryStore`] for the whole
    /// process. All handles that name no store share it, and [namespaces](Self::namespace) keep
    /// their keys apart.
    ///
    /// A store is made once and cloned: one that is made in the factory of `HttpServer::new` is
    /// another one in each worker.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(|local| {
            process::warn_of_memories(&store);
            handle(store, local)
        }));
        self
    }

    /// Keeps up to this many bytes of completed responses in the process's memory too, before the
    /// store: replaying one of them costs no round trip. Default: none. Each takes up 400 bytes
    /// beside its own, and a claim of this process that runs takes up 400.
    ///
    /// A completed response never changes, so a local replay is always right. An outcome that is
    /// not known is asked for each time, since somebody may [find it out](Idempotency::resolve). No
    /// response is replayed locally after the store would have let it expire. Nothing is kept
    /// before the memory that all handles of the process share, because that memory is as near.
    pub fn local_cache(mut self, bytes: u64) -> Self {
        self.local_cache = Some(bytes);
        self
    }

    /// Names application and environment, where they share a store with others. Default: empty.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

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
        self.principal = Some(AppPrincipal::Plain(Box::new(principal)));
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
        self.principal = Some(AppPrincipal::extracting(principal));
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

    /// Sets the function that is asked about every execution that died without an outcome, when a
    /// retry finds it: did it have its effect, and what is its response? Default: nobody is asked,
    /// and the endpoint's `abandoned` decides.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use idempotent_runtime::{AbandonedExecution, Idempotency, Resolution};
    ///
    /// # struct Charge { id: String }
    /// # async fn find_charge(key: &str) -> Result<Option<Charge>, ()> { let _ = key; Ok(None) }
    /// async fn reconcile(abandoned: &AbandonedExecution) -> Resolution {
    ///     match find_charge(&abandoned.derive_key("charge")).await {
    ///         Ok(Some(charge)) => Resolution::Complete(HttpResponse::Created().body(charge.id)),
    ///         Ok(None) => Resolution::Rerun,
    ///         Err(_) => Resolution::Refuse,
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder().reconcile(reconcile).build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// The function is asked once per takeover of a claim, in the execution of the request that
    /// found it, for each value of `abandoned`. Meanwhile the claim is kept and duplicates wait. A
    /// request that is to be run again is run only if the claim still stands then. If the function
    /// panics, or takes longer than 30 seconds, nothing is decided: the request is
    /// `outcome_unknown`, and the next takeover, after the lease, asks again.
    ///
    /// It is not asked under `transaction`, where an execution that died has left nothing, nor
    /// about executions that were seen abandoned before it was set. All processes on one store
    /// should have it: one without it ends such a key for good, unless an operator
    /// [resolves](Idempotency::resolve) it. An execution that only seemed to have died may still be
    /// at work when this is asked. It cannot record anything, and begins no checkpoint.
    pub fn reconcile(
        mut self,
        reconcile: impl AsyncFn(&AbandonedExecution) -> Resolution + Send + Sync + 'static,
    ) -> Self {
        self.reconcile = Some(Box::new(reconcile));
        self
    }

    /// Sets the listener, which hears how each request ended. Default: none, and then nothing is
    /// measured.
    ///
    /// ```
    /// use idempotent_runtime::{Event, Idempotency, Outcome};
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder()
    ///     .listener(|event: &Event<'_>| {
    ///         if event.outcome == Outcome::KeyReused {
    ///             eprintln!("{} got a key that was used with another request", event.handler);
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// It is told exactly once of every request that reaches an annotated handler, but for those
    /// with a safe method. A listener that panics hurts no request. See [`Listener`].
    pub fn listener(mut self, listener: impl Listener) -> Self {
        self.listener = Some(ListenerHandle::new(listener));
        self
    }

    /// Sets the header that carries the key. Default: `Idempotency-Key`.
    pub fn header_name(mut self, name: impl Into<String>) -> Self {
        self.header_name = Some(name.into());
        self
    }

    /// Sets the form that keys must have. Default: any.
    pub fn key_format(mut self, format: KeyFormat) -> Self {
        self.key_format = format;
        self
    }

    /// Sets the time for which a claim stands without renewal. It is renewed at a third of that.
    /// Default: 30 s.
    ///
    /// A process that dies leaves its keys claimed for as long as this. A handler keeps its claim
    /// however long it takes, even one that blocks its worker.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Sets the longest time for which a client may send nothing of a body that it has announced.
    /// Over this time it also has to bring 512 bytes per second. Default: 30 s. A slower client is
    /// refused with 408 `body_timeout`; a steady one may take as long as it needs.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = Some(timeout);
        self
    }

    /// Sets the longest request body, in bytes. Default: 1 MiB.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.max_request_body = Some(bytes);
        self
    }

    /// Sets the longest response body that is stored, in bytes. Default: 1 MiB.
    pub fn max_response_body(mut self, bytes: usize) -> Self {
        self.max_response_body = Some(bytes);
        self
    }

    /// Sets the status of `key_reused`: 409 (the default) or 422 (the IETF draft's).
    pub fn reused_status(mut self, status: StatusCode) -> Self {
        self.reused_status = Some(status);
        self
    }

    /// Sets the answer to a request for which the store fails at its claim. Default: refuse.
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// Sets for how long after its ttl a key is remembered and refused with `key_expired`. Default:
    /// zero, so that a retry after the ttl is a new execution.
    pub fn remember_expired_keys(mut self, duration: Duration) -> Self {
        self.remember_expired = duration;
        self
    }

    /// Sets whether `Set-Cookie` is stored and replayed. Default: no.
    pub fn replay_set_cookie(mut self, replay: bool) -> Self {
        self.replay_set_cookie = replay;
        self
    }

    /// Sets the URL under which the application documents refusals. A problem's `type` is this URL,
    /// a slash and the code. Default: the section of the IETF draft.
    pub fn problem_type_base(mut self, url: impl Into<String>) -> Self {
        self.problem_type_base = Some(url.into());
        self
    }

    /// Sets the form of refusals. Default: [`ProblemFormat::Problem`].
    pub fn problem_format(mut self, format: ProblemFormat) -> Self {
        self.problem_format = format;
        self
    }

    /// Sets whether refusals that are not retryable say `x-should-retry: false`. Default: no.
    ///
    /// SDKs that Stainless generates try again after every 409 that does not say so. A
    /// `problem_format` of the application's own that sets this header keeps its value.
    pub fn should_retry_header(mut self, says_so: bool) -> Self {
        self.should_retry_header = says_so;
        self
    }

    /// Sets the clock, for tests. The local cache reads it, and, where no store is named, a
    /// [`MemoryStore`] of the handle's own. A store that is named has a clock of its own. This
    /// clock also judges the age of a [key](KeyFormat::UuidV7).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Makes the handle to register with `App::app_data`.
    ///
    /// # Errors
    /// A setting that cannot work; the error names it.
    pub fn build(mut self) -> Result<Idempotency, BuildError> {
        #[cfg(feature = "catalog")]
        {
            crate::catalog::warn_of_shared_routes();
            crate::catalog::warn_of_short_max_age(self.key_format);
        }
        let header = self.header_name.take().map_or(Cow::Borrowed(HEADER), Cow::Owned);
        let settings = Settings {
            lease: checks::lease(self.lease)?,
            body_timeout: checks::positive("body_timeout", self.body_timeout, BODY_TIMEOUT)?,
            max_request_body: checks::positive("max_request_body", self.max_request_body, BODY_LIMIT)?,
            max_response_body: checks::positive("max_response_body", self.max_response_body, BODY_LIMIT)?,
            header_name: checks::header_name(&header)?,
            namespace: self.namespace,
            principal: self.principal,
            credentials: checks::credentials(self.credentials)?,
            reconcile: self.reconcile,
            listener: self.listener.map(Arc::new),
            key_format: checks::key_format(self.key_format)?,
            clock: self.clock.clone().unwrap_or_else(wall_clock),
            on_store_error: self.on_store_error,
            remember_expired: self.remember_expired,
            replay_set_cookie: self.replay_set_cookie,
        };
        let refusals = RefusalSettings {
            format: self.problem_format,
            type_base: self.problem_type_base,
            reused_status: checks::reused_status(self.reused_status)?,
            should_retry_header: self.should_retry_header,
            in_force: in_force(header, &settings),
        };
        let local = match self.local_cache {
            Some(0) => return Err(BuildError::Zero("local_cache")),
            local => local.map(|bytes| (bytes, self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock)))),
        };
        let (store, flights) = match (self.store, self.clock) {
            (Some(store), _) => (store(local), process::flights()),
            (None, Some(clock)) => {
                (handle(MemoryStore::builder().clock(clock).build(), local), process::flights())
            }
            (None, None) => shared_memory(),
        };
        Ok(assemble(store, flights, settings, refusals))
    }
}

impl std::fmt::Debug for IdempotencyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyBuilder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
