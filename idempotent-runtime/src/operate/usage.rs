//! What is held in memory, and whose it is.

use std::cmp::Reverse;

use super::{CallerHash, EntryError};
use crate::{
    idempotency::Idempotency,
    request::CallerId,
    store::{Held, HeldBy, MemoryStore, StoreError},
};

/// What a [`MemoryStore`] holds, by endpoint and by caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How many keys there are; those that have expired count until their memory is given back.
    pub keys: u64,
    /// The bytes that they and their steps take up, bookkeeping included.
    pub bytes: u64,
    /// The bytes that they may take up.
    pub budget: u64,
    /// Of these, the bytes that one caller may claim.
    pub caller_share: u64,
    /// Each endpoint that has keys, the largest first.
    pub endpoints: Vec<EndpointUsage>,
    /// The callers who have keys, the largest first; at most 1,000 of them.
    pub callers: Vec<CallerUsage>,
}

/// What is held for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointUsage {
    /// Its method and its route's pattern, such as `POST /orders/{id}`.
    pub endpoint: &'static str,
    /// How many keys it has.
    pub keys: u64,
    /// The bytes that they and their steps take up.
    pub bytes: u64,
}

/// What is held for one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerUsage {
    /// Who it is, without telling.
    pub caller: CallerHash,
    /// Whether these are all who have neither a principal nor credentials.
    pub anonymous: bool,
    /// How many keys it has.
    pub keys: u64,
    /// The bytes that they and their steps take up.
    pub bytes: u64,
}

/// What has been freed by [`Idempotency::forget_caller`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freed {
    /// How many keys are free.
    pub keys: u64,
    /// The bytes that they and their steps have taken up.
    pub bytes: u64,
}

/// How many callers are told of.
const CALLERS: usize = 1_000;

impl Idempotency {
    /// What the [`MemoryStore`] holds, by endpoint and by caller: who fills it?
    ///
    /// It looks at every entry, a few at a time, so that no claim is held up; what comes and goes
    /// meanwhile may be counted or not.
    ///
    /// ```
    /// use idempotent_runtime::Idempotency;
    ///
    /// # async fn usage() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// let usage = idempotency.usage().await?;
    /// println!("{} of {} bytes are used", usage.bytes, usage.budget);
    /// if let Some(largest) = usage.callers.first() {
    ///     println!("{}: {} keys, {} of {} bytes", largest.caller, largest.keys, largest.bytes, usage.caller_share);
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(usage()).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Undone`] where the store is another one: it does not know who its callers are.
    pub async fn usage(&self) -> Result<Usage, EntryError> {
        let store = self.memory_store()?;
        let HeldBy { endpoints, callers, all } = store.held().await;
        let endpoints = endpoints.into_iter().map(|(endpoint, Held { keys, bytes })| EndpointUsage {
            endpoint: endpoint.as_str(),
            keys,
            bytes,
        });
        let mut callers: Vec<_> = callers.into_iter().collect();
        callers.sort_unstable_by_key(|(_, held)| Reverse(held.bytes));
        let callers = callers.into_iter().take(CALLERS).map(|(caller, Held { keys, bytes })| CallerUsage {
            caller: caller.into(),
            anonymous: caller == CallerId::NOBODY,
            keys,
            bytes,
        });
        let mut usage = Usage {
            keys: all.keys,
            bytes: all.bytes,
            budget: store.budget(),
            caller_share: store.share(),
            endpoints: endpoints.collect(),
            callers: callers.collect(),
        };
        usage.endpoints.sort_by_key(|endpoint| (Reverse(endpoint.bytes), endpoint.endpoint));
        Ok(usage)
    }

    /// Frees what one caller holds in the [`MemoryStore`]: every key of its that is not running,
    /// with its steps. `None`: no such caller holds anything.
    ///
    /// *Each of these keys is free again: a retry of its request runs a second time.* It is for a
    /// caller who floods, when what it did is worth nothing. Who it is says [`usage`](Self::usage).
    /// What the caller sends meanwhile may be forgotten or not, and it may go on.
    ///
    /// # Errors
    /// [`StoreError::Undone`] where the store is another one: it does not know who its callers are.
    pub async fn forget_caller(&self, caller: CallerHash) -> Result<Option<Freed>, EntryError> {
        let store = self.memory_store()?;
        let callers = store.held().await.callers;
        let Some(found) = callers.into_keys().find(|found| CallerHash::from(*found) == caller) else {
            return Ok(None);
        };
        let Held { keys, bytes } = store.forget_caller(found).await;
        tracing::info!(%caller, keys, bytes, "what a caller holds was forgotten by hand");
        Ok(Some(Freed { keys, bytes }))
    }

    fn memory_store(&self) -> Result<&MemoryStore, StoreError> {
        let store = &self.0.store;
        let other = || StoreError::undone(store.name(), "only a MemoryStore knows who its callers are");
        store.in_memory().ok_or_else(other)
    }
}
