//! Where claims and records live: four atomic verbs and a way to wait.
//!
//! A store keeps one entry per [`Address`]. An entry is vacant, claimed, completed, expired or abandoned, and only
//! the verbs of [`Store`] move it. There is no way to look without deciding: [`Store::claim`] is the only read.

mod claim;
mod erased;
mod error;
mod memory;
mod record;

pub(crate) use erased::{CallError, StoreHandle};
pub use {
    claim::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Renewal, Retention, Token},
    error::StoreError,
    memory::{MemoryStore, MemoryStoreBuilder, WhenFull},
    record::Record,
};

use crate::request::Address;

/// Keeps claims and records, so that one request runs at most once.
///
/// Implementations write plain `async fn`. Every verb has to be atomic: of any number of simultaneous claims on a
/// vacant address exactly one is [`Claim::Won`]. Calls are never dropped half-way, except [`changed`](Store::changed).
/// The suite in `idempotent_runtime::conformance` (feature `conformance`) checks all of this page against a store.
pub trait Store: Send + Sync + 'static {
    /// The store's name, for logs.
    fn name(&self) -> &'static str;

    /// Decides whether the caller may run the request.
    ///
    /// In this order:
    /// 1. A vacant address, or one whose retention has ended: the caller's claim is written, [`Claim::Won`], attempt 1.
    /// 2. Another fingerprint than the entry's: [`Claim::Reused`], whatever state the entry is in.
    /// 3. Completed: [`Claim::Replay`]. Completed, expired and remembered: [`Claim::Expired`].
    /// 4. Claimed with this same token: [`Claim::Won`] again, the lease counted from now.
    /// 5. Claimed, and the lease runs: [`Claim::InFlight`].
    /// 6. Claimed, and the lease has run out: under [`OnAbandoned::Refuse`] the entry becomes abandoned for good and the
    ///    answer is [`Claim::Abandoned`]; under [`OnAbandoned::Rerun`] the caller's claim replaces it, [`Claim::Won`], one attempt more.
    /// 7. Abandoned: [`Claim::Abandoned`].
    fn claim(&self, request: ClaimRequest) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Lets the lease run from now, if the hold still stands.
    fn renew(
        &self,
        hold: Hold,
        lease: std::time::Duration,
    ) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Writes the record in place of the claim, if the hold still stands.
    ///
    /// A hold stands until its entry is completed, released, abandoned or taken over; a lease that has run out unseen does
    /// not end it. Repeated with the same token, the answer is [`Completion::Stored`] again. A hold that does not stand is told what
    /// the winner recorded for the same fingerprint, if anything, and changes nothing.
    fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> impl Future<Output = Result<Completion, StoreError>> + Send;

    /// Makes the address vacant again, if the hold still stands; else changes nothing.
    fn release(&self, hold: Hold) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Waits until the entry at `address` may have changed since it was last claimed.
    ///
    /// Returns early rather than late: at once where the address is not claimed. Dropped at any time, so it must hold
    /// nothing of the store's while it waits.
    fn changed(&self, address: Address) -> impl Future<Output = ()> + Send;
}

/// A shared store is a store.
impl<S: Store> Store for std::sync::Arc<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        (**self).claim(request).await
    }

    async fn renew(&self, hold: Hold, lease: std::time::Duration) -> Result<Renewal, StoreError> {
        (**self).renew(hold, lease).await
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        (**self).complete(hold, record, retention).await
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        (**self).release(hold).await
    }

    async fn changed(&self, address: Address) {
        (**self).changed(address).await;
    }
}
