//! Entries that an operator may look at, and make free again.

mod caller_hash;
mod digits;
mod entry;
mod entry_ref;
mod forget;
mod stuck;
mod usage;
mod version;

pub use self::{
    caller_hash::{CallerHash, CallerHashError},
    entry::{Entry, EntryState},
    entry_ref::EntryRef,
    forget::Forgotten,
    stuck::StuckEntries,
    usage::{CallerUsage, EndpointUsage, Freed, Usage},
    version::{EntryVersion, EntryVersionError},
};
use crate::{
    idempotency::Idempotency,
    store::{CallError, Inspection, NoCursor, StoreError},
};

/// Reason that an entry could not be looked at, or forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The key is not valid. Nothing was done.
    #[error("there cannot be such a key: {0}")]
    Key(&'static str),
    /// The cursor was not given by this store. Nothing was done.
    #[error("this is no cursor of the store's")]
    Cursor,
    /// The store failed, or cannot be looked into. Unless the error is [`StoreError::Undone`], the
    /// operation may have been done, and asking again tells.
    #[error("the entry could not be looked at, or not be forgotten")]
    Store(#[source] StoreError),
}

impl From<StoreError> for EntryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Undone { source, .. } if source.is::<NoCursor>() => EntryError::Cursor,
            error => EntryError::Store(error),
        }
    }
}

impl Idempotency {
    /// Looks at the entry of a key: the state of its request, and until when that is known. `None`:
    /// nobody has used the key, or it is free again.
    ///
    /// It is for people, not for decisions: the state may have changed when it is read. Nothing is
    /// changed by the look, no claim waits for it, and neither the request nor the response is
    /// shown. The store is asked, never a `local_cache`. If the store says otherwise than this
    /// process's cache, the cache drops what it holds.
    ///
    /// ```
    /// use actix_web::http::Method;
    /// use idempotent_runtime::{EntryName, EntryState, Idempotency};
    ///
    /// # async fn inspect() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    /// let name = EntryName::endpoint(Method::POST, "/orders", key);
    /// match idempotency.inspect(&name).await? {
    ///     None => println!("the key is free"),
    ///     Some(entry) => println!("{}: {:?}", entry.address, entry.state),
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(inspect()).unwrap();
    /// ```
    ///
    /// # Errors
    /// A key that is not valid, and an error of the store: a store of the application's own may not
    /// have [`Store::inspect`](crate::Store::inspect).
    pub async fn inspect<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Result<Option<Entry>, EntryError> {
        let address = entry.into().address(&self.0.settings).map_err(EntryError::Key)?;
        Ok(self.look(address).await?.map(|found| Entry::of(&found)))
    }

    async fn look(&self, address: crate::Address) -> Result<Option<Inspection>, StoreError> {
        self.0.store.inspect(address).await.map_err(CallError::into_error)
    }
}
