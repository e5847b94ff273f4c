//! Why a store could not answer.

use std::error::Error;

/// A store could not do what it was asked. Logged, never sent to a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or not in a way that can be understood. What was asked may have been done.
    #[error("the {store} store is unavailable")]
    Unavailable {
        /// The store's name.
        store: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store has no room for a new key. Nothing was done.
    #[error("the {store} store is full")]
    Full {
        /// The store's name.
        store: &'static str,
    },
}

impl StoreError {
    /// The store called `store` could not answer because of `source`.
    pub fn unavailable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        StoreError::Unavailable { store, source: source.into() }
    }

    /// The store called `store` has no room for a new key.
    pub fn full(store: &'static str) -> Self {
        StoreError::Full { store }
    }
}
