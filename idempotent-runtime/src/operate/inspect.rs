//! A look at one entry.

use super::{Entry, EntryError, EntryRef};
use crate::{
    engine::Idempotency,
    request::Address,
    store::{CallError, Inspection, StoreError},
};

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

    /// The entry at `address`, as the store has it.
    pub(super) async fn look(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        self.0.store.inspect(address).await.map_err(CallError::into_error)
    }
}
