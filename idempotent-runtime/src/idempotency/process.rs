//! Memory that handles of one process share.
//!
//! The factory of `HttpServer::new` runs in each worker, so there is one handle per worker if it is
//! built there. Handles that name no store share this memory all the same, since otherwise each
//! worker would run a key once.

use std::sync::{LazyLock, Mutex, Once, PoisonError};

use crate::{
    flight::Flights,
    places::Places,
    store::{MemoryStore, Store, WeakMemoryStore},
    sync::Arc,
};

/// Places of those who wait, shared by all handles: the bounds hold for the whole process.
static PLACES: LazyLock<Arc<Places>> = LazyLock::new(|| Arc::new(Places::of_a_process()));

static MEMORY: LazyLock<(MemoryStore, Flights)> = LazyLock::new(|| (MemoryStore::new(), flights()));

/// Store of handles that name none, and the flights over it.
pub(super) fn memory() -> (MemoryStore, Flights) {
    let (store, flights) = &*MEMORY;
    (store.clone(), flights.shared())
}

/// Flights over a store of a handle's own.
pub(super) fn flights() -> Flights {
    Flights::new(Arc::clone(&PLACES))
}

/// Warns, once, where `store` is a second memory beside one that a handle still has.
pub(super) fn warn_of_memories(store: &impl Store) {
    static SEEN: Mutex<Option<WeakMemoryStore>> = Mutex::new(None);
    static WARNED: Once = Once::new();
    let Some(store) = store.memory().and_then(|store| store.downcast_ref::<MemoryStore>()) else { return };
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = seen.replace(store.downgrade()).and_then(|before| before.upgrade());
    if before.is_some_and(|before| !before.is_same(store)) {
        WARNED.call_once(|| {
            tracing::warn!(
                "a second handle has a `MemoryStore` of its own, so a key that reaches both runs twice: what the factory of \
                 `HttpServer::new` makes is made in each worker; make the store before it and clone it, or name none"
            );
        });
    }
}
