//! Use of the memory, by endpoint and by caller.

use std::{cmp::Reverse, collections::HashMap};

use super::{CallerHash, EntryError};
use crate::{
    engine::Idempotency,
    request::CallerId,
    store::{Held, HeldBy, MemoryStore, StoreError},
};

/// Contents of a [`MemoryStore`], by endpoint and by caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Number of keys. Keys that have expired count until their memory is given back.
    pub keys: u64,
    /// Bytes that the keys and their steps take up, bookkeeping included.
    pub bytes: u64,
    /// Bytes that the keys and their steps may take up.
    pub budget: u64,
    /// Bytes of the budget that one caller may claim.
    pub caller_share: u64,
    /// Endpoints that have keys, the largest first.
    pub endpoints: Vec<EndpointUsage>,
    /// Callers who have keys, the largest first; at most 1,000 of them.
    pub callers: Vec<CallerUsage>,
}

/// Share of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointUsage {
    /// Method of the endpoint and its route's pattern, such as `POST /orders/{id}`.
    pub endpoint: &'static str,
    /// Number of keys of the endpoint.
    pub keys: u64,
    /// Bytes that these keys and their steps take up.
    pub bytes: u64,
}

/// Share of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerUsage {
    /// Hash that stands for the caller, without telling who it is.
    pub caller: CallerHash,
    /// True for the one entry of all who have neither a principal nor credentials.
    pub anonymous: bool,
    /// Number of keys of the caller.
    pub keys: u64,
    /// Bytes that these keys and their steps take up.
    pub bytes: u64,
}

/// Keys and bytes that [`Idempotency::forget_caller`] has freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freed {
    /// Number of keys that are free now.
    pub keys: u64,
    /// Bytes that the keys and their steps took up.
    pub bytes: u64,
}

/// Greatest number of callers that are listed.
const CALLERS: usize = 1_000;

impl Idempotency {
    /// Looks at the contents of the [`MemoryStore`], by endpoint and by caller, to find out who
    /// fills it.
    ///
    /// It looks at every entry, a few at a time, so that no claim is held up. Entries that come and
    /// go meanwhile may be counted or not.
    ///
    /// ```
    /// use idempotent_runtime::Idempotency;
    ///
    /// # async fn usage() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// let usage = idempotency.usage().await?;
    /// println!("{} of {} bytes are used", usage.bytes, usage.budget);
    /// if let Some(largest) = usage.callers.first() {
    ///     println!("{} has {} of {} bytes", largest.caller, largest.bytes, usage.caller_share);
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(usage()).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError::NotDone`] where the store is another one: it does not know who its callers
    /// are.
    pub async fn usage(&self) -> Result<Usage, EntryError> {
        let store = self.memory_store()?;
        let HeldBy { endpoints, callers, all } = store.held().await;
        // One name may be an endpoint of several namespaces.
        let mut named = HashMap::<_, Held>::new();
        for (endpoint, Held { keys, bytes }) in endpoints {
            let held = named.entry(endpoint.as_str()).or_default();
            (held.keys, held.bytes) = (held.keys + keys, held.bytes + bytes);
        }
        let endpoints =
            named.into_iter().map(|(endpoint, Held { keys, bytes })| EndpointUsage { endpoint, keys, bytes });
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

    /// Frees all that one caller holds in the [`MemoryStore`]: each of its keys that is not
    /// running, with its steps. `None`: no such caller holds anything.
    ///
    /// *Each of these keys is free again: a retry of its request runs a second time.* It is for a
    /// caller who floods, whose requests are worth nothing. [`usage`](Self::usage) tells which
    /// caller that is. Keys that the caller sends meanwhile may be forgotten or not, and the caller
    /// may go on sending.
    ///
    /// The memory knows a caller by 32 bits of a hash with a secret seed, to keep each key small.
    /// Two callers have the same by a chance of one in four billion, and then count as one: with a
    /// million callers, somebody else's keys are free again too in one case of 4,000.
    ///
    /// # Errors
    /// [`StoreError::NotDone`] where the store is another one: it does not know who its callers
    /// are.
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
        let other = || StoreError::not_done(store.name(), "only a MemoryStore knows who its callers are");
        store.in_memory().ok_or_else(other)
    }
}
