//! The keys that wait for an operator.

use super::{Entry, EntryError};
use crate::{
    engine::Idempotency,
    record,
    store::{CallError, Stuck, StuckCursor, StuckRequest},
};

/// A page of the entries that [`Idempotency::stuck`] lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckEntries {
    /// The entries, each [`Abandoned`](crate::EntryState::Abandoned) or
    /// [`Unknown`](crate::EntryState::Unknown).
    pub entries: Vec<Entry>,
    /// Begin of the next page. `None`: there are no more.
    pub next: Option<StuckCursor>,
}

/// Longest page.
const MOST: usize = 1_000;
/// Greatest number of times that a store is asked per page: it looks at a bounded number of entries
/// each time.
const ROUNDS: usize = 32;

impl Idempotency {
    /// Lists the keys that nobody but an operator can end. At most `limit` of them, and never more
    /// than 1,000, from the end of the page before.
    ///
    /// Two kinds of keys are listed. The execution of the first kind died without an outcome, and a
    /// retry may have seen that or not. For the second kind it is recorded that nobody knows
    /// whether they had their effect.
    ///
    /// An entry is shown by its address and its endpoint, since a store knows no key. Look it up,
    /// end it or forget it by its address, with [`inspect`](Self::inspect),
    /// [`resolve`](Self::resolve) and [`forget`](Self::forget). A step of a
    /// [`checkpoint`](crate::IdempotencyContext::checkpoint) has an entry of its own, whose address
    /// begins with the same 32 digits as its key's.
    ///
    /// ```
    /// use idempotent_runtime::Idempotency;
    ///
    /// # async fn list() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// let mut after = None;
    /// loop {
    ///     let page = idempotency.stuck(after.as_ref(), 100).await?;
    ///     page.entries.iter().for_each(|entry| println!("{}: {:?}", entry.address, entry.state));
    ///     after = page.next;
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(list()).unwrap();
    /// ```
    ///
    /// # What to know
    ///
    /// - Entries that will be forgotten first come first: the oldest, where all keys are kept
    ///   equally long. Redis keeps no order: there only the entries of one page are in order, and a
    ///   page may hold a few more than `limit`.
    /// - No claim waits for it. Stores keep no list of such keys, since every request would pay for
    ///   it. They look through their entries, a bounded number per call. So a page may be short, or
    ///   empty, while there is a next one.
    /// - Steps are not listed: they end and are forgotten with their keys.
    /// - It lists the whole store, with all namespaces that share it: an address does not say whose
    ///   it is. Where that is not wanted give each namespace a schema, prefix or file of its own.
    ///   Records that cannot be read are not listed: looking one up shows it.
    ///
    /// # Errors
    /// A cursor that was not given by this store, and an error of the store: a store of the
    /// application's own may not have [`Store::stuck`](crate::Store::stuck).
    pub async fn stuck(&self, after: Option<&StuckCursor>, limit: usize) -> Result<StuckEntries, EntryError> {
        self.list_stuck(None, after, limit).await
    }

    /// The same list of one endpoint's keys, named as [`Entry::endpoint`] names it: `POST
    /// /orders/{id}`, or the name of an operation of [`once`](Self::once).
    ///
    /// As many entries are looked through as for all endpoints, so pages may be shorter.
    ///
    /// # Errors
    /// The same as for [`stuck`](Self::stuck).
    pub async fn stuck_at(
        &self,
        endpoint: &str,
        after: Option<&StuckCursor>,
        limit: usize,
    ) -> Result<StuckEntries, EntryError> {
        self.list_stuck(Some(endpoint), after, limit).await
    }

    pub(crate) async fn list_stuck(
        &self,
        endpoint: Option<&str>,
        after: Option<&StuckCursor>,
        limit: usize,
    ) -> Result<StuckEntries, EntryError> {
        let (limit, store) = (limit.clamp(1, MOST), self.0.store.for_operators());
        let mut page = StuckEntries { entries: Vec::new(), next: after.cloned() };
        for _ in 0..ROUNDS {
            let request = StuckRequest {
                after: page.next.take(),
                limit: limit - page.entries.len(),
                unknown: record::of_unknown(),
                endpoint: endpoint.map(str::to_owned),
            };
            let Stuck { entries, next } = store.stuck(request).await.map_err(CallError::into_error)?;
            let of_keys = entries.iter().filter(|found| !found.address.is_of_a_step());
            page.entries.extend(of_keys.map(Entry::of));
            page.next = next;
            if page.next.is_none() || page.entries.len() >= limit {
                break;
            }
        }
        Ok(page)
    }
}
