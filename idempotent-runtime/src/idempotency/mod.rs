//! Handle of the application: its settings, its store, and the executions of this process.

mod builder;
mod drain;
mod handles;
mod process;

use std::sync::{Arc, LazyLock, Once};

use actix_web::{HttpRequest, http::header::HeaderName, web};

pub use builder::{BuildError, IdempotencyBuilder, OnStoreError};
#[cfg(feature = "openapi")]
pub(crate) use builder::{default_refusals, default_settings};
pub use drain::{Drained, serve};
pub(crate) use drain::{Executing, Executions};

use crate::{
    execution::GivingBack,
    flight::Flights,
    observe::{Audience, Background},
    policy::{Policy, PrincipalSource},
    reconcile::Reconcile,
    request::{AppPrincipal, Credentials, KeyFormat},
    response::refusal::RefusalSettings,
    store::StoreHandle,
};

/// Settings and state of an application's idempotent endpoints. Cheap to clone; clones share store
/// and flights.
///
/// Registered with `App::app_data`, it holds for every annotated handler below, like any
/// `app_data`: a scope or a resource can have its own. Register it plainly or as `web::Data`, not
/// one inside the other: a plain one is found first. Without one, all handlers have one with the
/// defaults.
///
/// All handles of a process that name no [store](IdempotencyBuilder::store) keep their keys in one
/// [`MemoryStore`](crate::MemoryStore). This holds too for a handle that is built in the factory of
/// `HttpServer::new`, and so in each worker. A test that wants a fresh store names it:
/// `Idempotency::builder().store(MemoryStore::new())`.
#[derive(Clone, Debug)]
pub struct Idempotency(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: StoreHandle,
    pub(crate) flights: Flights,
    pub(crate) executions: Arc<Executions>,
    pub(crate) giving_back: GivingBack,
    pub(crate) background: Background,
    #[cfg(feature = "admin")]
    pub(crate) operators: crate::admin::Places,
    /// Starts the keeping of leases, at the first execution.
    pub(crate) keeping: Once,
    pub(crate) settings: Settings,
    pub(crate) refusals: RefusalSettings,
}

/// Settings that the builder was given.
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) principal: Option<AppPrincipal>,
    pub(crate) credentials: Credentials,
    pub(crate) reconcile: Option<Box<dyn Reconcile>>,
    pub(crate) audience: Option<Arc<Audience>>,
    pub(crate) header_name: HeaderName,
    pub(crate) key_format: KeyFormat,
    pub(crate) lease: std::time::Duration,
    pub(crate) body_timeout: std::time::Duration,
    pub(crate) max_request_body: usize,
    pub(crate) max_response_body: usize,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) remember_expired: std::time::Duration,
    pub(crate) replay_set_cookie: bool,
}

impl Settings {
    /// True where a principal tells apart the callers of an endpoint with this policy.
    pub(crate) fn name_callers(&self, policy: &Policy) -> bool {
        self.principal.is_some() || matches!(policy.principal, PrincipalSource::Function(_))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("store", &self.store)
            .field("refusals", &self.refusals)
            .finish_non_exhaustive()
    }
}

impl Idempotency {
    /// Settings to start from: every one has a default.
    ///
    /// ```
    /// use idempotent_runtime::{Idempotency, Principal};
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder()
    ///     .namespace("shop-production")
    ///     .principal(|request| match request.headers().get("x-account") {
    ///         Some(account) => Ok(Principal::new(account)),
    ///         None => Err(actix_web::error::ErrorUnauthorized("who are you?")),
    ///     })
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> IdempotencyBuilder {
        IdempotencyBuilder::default()
    }

    /// The handle that holds for `request`.
    pub(crate) fn of(request: &HttpRequest) -> &Idempotency {
        request
            .app_data::<Idempotency>()
            .or_else(|| request.app_data::<web::Data<Idempotency>>().map(|data| &***data))
            .unwrap_or_else(|| &PROCESS_WIDE)
    }
}

static PROCESS_WIDE: LazyLock<Idempotency> = LazyLock::new(|| {
    tracing::info!(
        "no Idempotency is registered as app_data: idempotency keys are kept in this process's memory, and are lost with it"
    );
    builder::process_wide()
});
