//! Data that all parts of the library share: the store, the flights over it, counts, bounds and
//! settings.
//!
//! ```text
//!   run · admin · openapi     the application's routes
//!   idempotency               sets an engine up, finds it for a request, shuts it down
//!   context · operate         handlers and operators
//!   execution                 claims, runs, completes and releases
//!   ─────────────────────
//!   engine                    what all of these are given: `Idempotency`
//!   ─────────────────────
//!   store · flight · observe  what it is made of
//! ```
//!
//! Nothing here decides anything about a request, so nothing here imports what does.

mod background_bounds;
#[cfg(feature = "admin")]
mod endpoints;
mod executions;
mod recovery;
mod sample;
pub(crate) mod settings;

use std::sync::Once;

pub use self::settings::OnStoreError;
#[cfg(feature = "admin")]
pub(crate) use self::{
    background_bounds::OperatorCalls,
    endpoints::{Endpoints, ServedEndpoint},
};
pub(crate) use self::{
    background_bounds::PendingReleases,
    executions::{Executing, Executions},
    recovery::{OwnedTask, Recovery},
    settings::Settings,
};
use crate::{
    flight::Flights, observe::Background, response::refusal::RefusalSettings, store::StoreHandle, sync::Arc,
};

/// Settings and state of an application's idempotent endpoints. Cheap to clone; clones share store
/// and flights.
///
/// Registered with `App::app_data`, it holds for every annotated handler below, like any
/// `app_data`: a scope or a resource can have its own. Register it plainly or as `web::Data`, not
/// one inside the other: a plain one is found first. Without one, all handlers have one with the
/// defaults.
///
/// All handles of a process that name no [store](crate::IdempotencyBuilder::store) keep their keys
/// in one [`MemoryStore`](crate::MemoryStore). This holds too for a handle that is built in the
/// factory of `HttpServer::new`, and so in each worker. A test that wants a fresh store names it:
/// `Idempotency::builder().store(MemoryStore::new())`.
#[derive(Clone, Debug)]
pub struct Idempotency(pub(crate) Arc<Engine>);

/// Store, flights, counts, bounds and settings behind an [`Idempotency`].
pub(crate) struct Engine {
    pub(crate) store: StoreHandle,
    pub(crate) flights: Flights,
    pub(crate) executions: Arc<Executions>,
    pub(crate) releases: Arc<PendingReleases>,
    pub(crate) background: Arc<Background>,
    pub(crate) recovery: Recovery,
    #[cfg(feature = "admin")]
    pub(crate) operators: OperatorCalls,
    #[cfg(feature = "admin")]
    pub(crate) endpoints: Arc<Endpoints>,
    /// Starts the keeping of leases, at the first execution.
    pub(crate) keeping: Once,
    pub(crate) settings: Settings,
    pub(crate) refusals: RefusalSettings,
}

impl Engine {
    /// Engine over `store` and `flights`, under which nothing has run yet.
    pub(crate) fn new(
        store: StoreHandle,
        flights: Flights,
        executions: Arc<Executions>,
        settings: Settings,
        refusals: RefusalSettings,
    ) -> Self {
        Engine {
            store: store.for_lease(settings.lease),
            flights,
            executions,
            releases: Arc::default(),
            background: Arc::default(),
            recovery: Recovery::default(),
            #[cfg(feature = "admin")]
            operators: OperatorCalls::default(),
            #[cfg(feature = "admin")]
            endpoints: Arc::default(),
            keeping: Once::new(),
            settings,
            refusals,
        }
    }

    /// Name of what makes a key of this engine another one of `other`'s: its store, or a setting.
    pub(crate) fn difference_of_keys(&self, other: &Engine) -> Option<&'static str> {
        if !self.flights.are_of_one_store(&other.flights) {
            return Some("store");
        }
        self.settings.difference_of_keys(&other.settings)
    }

    /// Engine with other settings over the same store, flights, counts and bounds. It keeps the
    /// leases of what it claims itself.
    pub(crate) fn with(&self, settings: Settings, refusals: RefusalSettings) -> Self {
        Engine {
            store: self.store.clone(),
            flights: self.flights.shared(),
            executions: Arc::clone(&self.executions),
            releases: Arc::clone(&self.releases),
            background: Arc::clone(&self.background),
            recovery: Recovery::default(),
            #[cfg(feature = "admin")]
            operators: self.operators.clone(),
            #[cfg(feature = "admin")]
            endpoints: Arc::clone(&self.endpoints),
            keeping: Once::new(),
            settings,
            refusals,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store)
            .field("refusals", &self.refusals)
            .finish_non_exhaustive()
    }
}
