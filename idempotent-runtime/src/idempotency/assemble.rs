//! Assembly of a handle from its parts.

use super::{handles, process};
use crate::{
    clock::Clock,
    engine::{Engine, Idempotency, Settings, settings::default_refusals},
    flight::Flights,
    response::{record, refusal::RefusalSettings},
    store::{LocalCache, Store, StoreHandle},
    sync::Arc,
};

/// Size of a local cache in bytes and its clock, if there is to be one.
pub(super) type Local = Option<(u64, Arc<dyn Clock>)>;

/// Handle to `store`, behind a local cache where there is to be one.
pub(super) fn handle(store: impl Store, local: Local) -> StoreHandle {
    match local {
        Some((bytes, clock)) => {
            let cache = LocalCache::new(store, bytes, clock);
            StoreHandle::new(cache.keeping(record::is_final))
        }
        None => StoreHandle::new(store),
    }
}

/// Memory that all handles of the process share, and the flights over it.
pub(super) fn shared_memory() -> (StoreHandle, Flights) {
    let (store, flights) = process::memory();
    (StoreHandle::new(store), flights)
}

/// Handle with these parts.
pub(super) fn assemble(
    store: StoreHandle,
    flights: Flights,
    settings: Settings,
    refusals: RefusalSettings,
) -> Idempotency {
    Idempotency(Arc::new(Engine::new(store, flights, handles::executions(), settings, refusals)))
}

/// Handle of a process that has set up none.
pub(super) fn process_wide() -> Idempotency {
    #[cfg(feature = "catalog")]
    crate::catalog::warn_of_shared_routes();
    let (store, flights) = shared_memory();
    assemble(store, flights, Settings::default(), default_refusals())
}
