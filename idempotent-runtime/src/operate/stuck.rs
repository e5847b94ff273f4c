//! The keys that wait for an operator.

use super::{Entry, EntryError};
use crate::{
    idempotency::Idempotency,
    response::record,
    store::{CallError, Stuck, StuckCursor, StuckRequest},
};

/// A page of what [`Idempotency::stuck`] gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckEntries {
    /// The entries, each [`Abandoned`](crate::EntryState::Abandoned) or
    /// [`Unknown`](crate::EntryState::Unknown).
    pub entries: Vec<Entry>,
    /// Where the next page begins. `None`: there are no more.
    pub next: Option<StuckCursor>,
}

/// The longest page.
const MOST: usize = 1_000;
/// How often a store is asked for a page at most: it looks at a bounded number of entries each
/// time.
const ROUNDS: usize = 32;

impl Idempotency {
    /// The keys that nobody but an operator brings further: those whose execution died without an
    /// outcome, whether or not a retry has seen it, and those of which it is recorded that nobody
    /// knows whether they had their effect. At most `limit` of them, and never more than 1,000,
    /// from where a page before has ended.
    ///
    /// An entry is told by its address alone, since a store knows no key: look it up, end it or
    /// forget it by that, with [`inspect`](Self::inspect), [`resolve`](Self::resolve) and
    /// [`forget`](Self::forget). A step of a [`checkpoint`](crate::IdempotencyContext::checkpoint)
    /// has an entry of its own, whose address begins with the same 32 digits as its key's.
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
    /// - Those that will be forgotten first come first: the oldest, where all keys are kept equally
    ///   long. Redis keeps no order: there only the entries of one page are in order, and a page
    ///   may hold a few more than `limit`.
    /// - No claim waits for it. Stores keep no list of such keys, since every request would pay for
    ///   it: they look through their entries, a bounded number a call. So a page may be short, or
    ///   empty, while there is a next one.
    /// - Steps are not listed: they end and are forgotten with their keys.
    /// - It lists all of the store, of all namespaces, if several share it: an address does not say
    ///   whose it is. Where that is not wanted each has a schema, prefix or file of its own. What
    ///   is recorded and cannot be read is not listed: looking it up shows it.
    ///
    /// # Errors
    /// A cursor that is none of this store, and what the store says: one of the application's own
    /// may not have [`Store::stuck`](crate::Store::stuck).
    pub async fn stuck(&self, after: Option<&StuckCursor>, limit: usize) -> Result<StuckEntries, EntryError> {
        let (limit, unknown) = (limit.clamp(1, MOST), record::of_refusal());
        let mut page = StuckEntries { entries: Vec::new(), next: after.cloned() };
        for _ in 0..ROUNDS {
            let wanted = limit - page.entries.len();
            let request = StuckRequest { after: page.next.take(), limit: wanted, unknown: unknown.clone() };
            let Stuck { entries, next } =
                self.0.store.patiently().stuck(request).await.map_err(CallError::into_error)?;
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
