//! The settings of an application, checked once.

use std::{sync::LazyLock, time::Duration};

use actix_web::{
    Error, HttpRequest,
    http::{StatusCode, header::HeaderName},
};
use tokio::sync::Semaphore;

use super::{Idempotency, Inner, PrincipalOf, RELEASING, Settings};
use crate::{
    clock::{Clock, SystemClock},
    flight::Flights,
    request::{KeyFormat, Principal},
    response::{ProblemFormat, refusal::RefusalSettings},
    store::{MemoryStore, Store, StoreHandle},
    sync::{Arc, AtomicUsize},
};

/// What happens to a request when the store fails at its claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreError {
    /// It is refused with `store_unavailable`, and nothing is executed.
    #[default]
    Refuse,
    /// It is executed unprotected, with a warning in the log: a retry executes it again.
    Execute,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A duration or limit of nothing.
    #[error("`{0}` must be greater than zero")]
    Zero(&'static str),
    /// A header name that is not one.
    #[error("`header_name` must be a header name of RFC 9110, such as `Idempotency-Key`, not {0:?}")]
    HeaderName(String),
    /// A status for reused keys that clients would misunderstand.
    #[error("`reused_status` must be 409 or 422, not {0}")]
    ReusedStatus(StatusCode),
    /// A lease too short to be renewed in time.
    #[error("`lease` must be at least 100 ms, since it is renewed at a third of its length")]
    Lease,
}

/// Settings of an [`Idempotency`].
#[derive(Default)]
#[must_use = "nothing is set up before `build`"]
pub struct IdempotencyBuilder {
    store: Option<StoreHandle>,
    clock: Option<Arc<dyn Clock>>,
    namespace: String,
    principal: Option<Box<PrincipalOf>>,
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
}

const LEASE: Duration = Duration::from_secs(30);
const SHORTEST_LEASE: Duration = Duration::from_millis(100);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1 << 20;
const HEADER_NAME: HeaderName = HeaderName::from_static("idempotency-key");

impl IdempotencyBuilder {
    /// Where claims and records are kept. Default: a [`MemoryStore`].
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(StoreHandle::new(store));
        self
    }

    /// Names application and environment, where they share a store with others. Default: empty.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Tells who is calling. An error is the response.
    ///
    /// Default: nobody is told apart, but the `Authorization` header is part of the fingerprint, so that nobody gets another
    /// caller's response.
    pub fn principal(
        mut self,
        principal: impl Fn(&HttpRequest) -> Result<Principal, Error> + Send + Sync + 'static,
    ) -> Self {
        self.principal = Some(Box::new(principal));
        self
    }

    /// The header that carries the key. Default: `Idempotency-Key`.
    pub fn header_name(mut self, name: impl Into<String>) -> Self {
        self.header_name = Some(name.into());
        self
    }

    /// What keys look like. Default: any.
    pub fn key_format(mut self, format: KeyFormat) -> Self {
        self.key_format = format;
        self
    }

    /// How long a claim stands without renewal; it is renewed at a third of that. Default: 30 s.
    ///
    /// A process that dies leaves its keys claimed for as long as this. Renewals are sent from the handler's worker: a handler
    /// that blocks its worker (a synchronous call outside `web::block`) for two thirds of a lease loses it.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long a request's body may take to arrive. Default: 30 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = Some(timeout);
        self
    }

    /// The longest request body, in bytes. Default: 1 MiB.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.max_request_body = Some(bytes);
        self
    }

    /// The longest response body that is stored, in bytes. Default: 1 MiB.
    pub fn max_response_body(mut self, bytes: usize) -> Self {
        self.max_response_body = Some(bytes);
        self
    }

    /// The status of `key_reused`: 409 (the default) or 422 (the IETF draft's).
    pub fn reused_status(mut self, status: StatusCode) -> Self {
        self.reused_status = Some(status);
        self
    }

    /// What happens when the store fails at the claim. Default: refuse.
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// For how long after its ttl a key is remembered and refused with `key_expired`. Default: not at all, so that a
    /// retry after the ttl is a new execution.
    pub fn remember_expired_keys(mut self, duration: Duration) -> Self {
        self.remember_expired = duration;
        self
    }

    /// Whether `Set-Cookie` is stored and replayed. Default: no.
    pub fn replay_set_cookie(mut self, replay: bool) -> Self {
        self.replay_set_cookie = replay;
        self
    }

    /// The URL under which the application documents refusals; a problem's `type` is this, a slash and the code.
    /// Default: the section of the IETF draft.
    pub fn problem_type_base(mut self, url: impl Into<String>) -> Self {
        self.problem_type_base = Some(url.into());
        self
    }

    /// How refusals look. Default: [`ProblemFormat::Problem`].
    pub fn problem_format(mut self, format: ProblemFormat) -> Self {
        self.problem_format = format;
        self
    }

    /// Where the default store takes the time from. A store that is set has a clock of its own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The handle to register with `App::app_data`.
    ///
    /// # Errors
    /// Where a setting cannot work; the error names it.
    pub fn build(mut self) -> Result<Idempotency, BuildError> {
        let lease = positive("lease", self.lease, LEASE)?;
        if lease < SHORTEST_LEASE {
            return Err(BuildError::Lease);
        }
        let settings = Settings {
            lease,
            body_timeout: positive("body_timeout", self.body_timeout, BODY_TIMEOUT)?,
            max_request_body: positive("max_request_body", self.max_request_body, BODY_LIMIT)?,
            max_response_body: positive("max_response_body", self.max_response_body, BODY_LIMIT)?,
            header_name: self.header_name.take().map_or(Ok(HEADER_NAME), header_name)?,
            namespace: self.namespace,
            principal: self.principal,
            key_format: self.key_format,
            on_store_error: self.on_store_error,
            remember_expired: self.remember_expired,
            replay_set_cookie: self.replay_set_cookie,
        };
        let refusals = RefusalSettings {
            format: self.problem_format,
            type_base: self.problem_type_base,
            reused_status: reused_status(self.reused_status)?,
        };
        let store = self.store.unwrap_or_else(|| {
            let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
            StoreHandle::new(MemoryStore::builder().clock(clock).build())
        });
        Ok(assemble(store, settings, refusals))
    }
}

/// Shared by all handles: the bound is one of the process.
static WAITERS: LazyLock<Arc<AtomicUsize>> = LazyLock::new(|| Arc::new(AtomicUsize::new(0)));

fn assemble(store: StoreHandle, settings: Settings, refusals: RefusalSettings) -> Idempotency {
    Idempotency(Arc::new(Inner {
        store: store.for_lease(settings.lease),
        flights: Flights::new(Arc::clone(&WAITERS)),
        executions: Arc::default(),
        releasing: Arc::new(Semaphore::new(RELEASING)),
        settings,
        refusals,
    }))
}

/// The handle of a process that has set up none.
pub(super) fn process_wide() -> Idempotency {
    let settings = Settings {
        namespace: String::new(),
        principal: None,
        header_name: HEADER_NAME,
        key_format: KeyFormat::Any,
        lease: LEASE,
        body_timeout: BODY_TIMEOUT,
        max_request_body: BODY_LIMIT,
        max_response_body: BODY_LIMIT,
        on_store_error: OnStoreError::Refuse,
        remember_expired: Duration::ZERO,
        replay_set_cookie: false,
    };
    let refusals = RefusalSettings {
        format: ProblemFormat::Problem,
        type_base: None,
        reused_status: StatusCode::CONFLICT,
    };
    assemble(StoreHandle::new(MemoryStore::new()), settings, refusals)
}

fn positive<T: Default + PartialEq>(name: &'static str, set: Option<T>, default: T) -> Result<T, BuildError> {
    match set {
        Some(value) if value == T::default() => Err(BuildError::Zero(name)),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}

fn header_name(name: String) -> Result<HeaderName, BuildError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| BuildError::HeaderName(name))
}

fn reused_status(status: Option<StatusCode>) -> Result<StatusCode, BuildError> {
    match status.unwrap_or(StatusCode::CONFLICT) {
        status @ (StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => Ok(status),
        status => Err(BuildError::ReusedStatus(status)),
    }
}

impl std::fmt::Debug for IdempotencyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyBuilder").field("store", &self.store).finish_non_exhaustive()
    }
}
