//! Making a key free again by hand.

use std::time::Duration;

use super::{Entry, EntryError, EntryRef, EntryState, EntryVersion};
use crate::{
    engine::Idempotency,
    request::Address,
    store::{CallError, Forget, StoreError},
};

/// Result of [`Idempotency::forget`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Forgotten {
    /// The key is free: the next request with it runs.
    Done,
    /// There is no such entry: nobody has used the key, or it is free again. Nothing was done.
    NotFound,
    /// The request runs, as far as anybody knows. Nothing was done.
    Running {
        /// Time until the request would be given up, unless its process goes on renewing its lease.
        lease_left: Duration,
    },
    /// The entry has changed since it was looked at. Nothing was done.
    Changed(
        /// The entry as it is now.
        Entry,
    ),
}

/// Greatest number of times that an entry may have changed between a look and the forgetting.
const TRIES: usize = 8;

impl Idempotency {
    /// Makes a key free again by hand, whatever is recorded: the next request with it runs as a
    /// first attempt, with any body.
    ///
    /// An entry that was completed, is remembered as expired, has an unknown outcome or was found
    /// dead is forgotten, if it is still as it was seen: the `version` is the [`Entry`]'s that
    /// [`inspect`](Self::inspect) or [`stuck`](Self::stuck) has shown. If something has come since,
    /// such as a response that was recorded after all, it stays. A request that runs is not
    /// forgotten, since its effect could happen twice then. To say what became of a request,
    /// instead of having it run again, use [`resolve`](Self::resolve).
    ///
    /// ```
    /// use actix_web::http::Method;
    /// use idempotent_runtime::{EntryName, Forgotten, Idempotency};
    ///
    /// # async fn forget() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// // The first answer was wrong, its effect has been taken back, and the client is to send the
    /// // same request again.
    /// let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    /// let name = EntryName::endpoint(Method::POST, "/orders", key);
    /// let Some(seen) = idempotency.inspect(&name).await? else { return Ok(()) };
    /// println!("{:?} is to be forgotten", seen.state);
    /// match idempotency.forget(&name, seen.version).await? {
    ///     Forgotten::Done => println!("the next request with this key runs"),
    ///     Forgotten::Changed(now) => println!("look again: it is {:?} now", now.state),
    ///     not_done => println!("nothing to do: {not_done:?}"),
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(forget()).unwrap();
    /// ```
    ///
    /// # What to know
    ///
    /// - It is one atomic step of the store. Of two operators who have seen the same entry one
    ///   comes first. The other finds nothing, or is told what has come since. So it may be
    ///   repeated where its answer was lost.
    /// - An execution that only seemed to have died loses its claim by this, and records nothing.
    ///   Its other effects still happen.
    /// - Steps that were recorded with [`checkpoint`](crate::IdempotencyContext::checkpoint) are
    ///   forgotten with their key: they run again too. A step that runs at this moment stays, and
    ///   the next request waits for it.
    /// - The `local_cache` of this process forgets the response too. *Those of other processes do
    ///   not.* They replay the response until its time ends, they are restarted, or the key is
    ///   [inspected](Self::inspect) or forgotten there: a process that finds that the store has
    ///   another outcome, or none, drops its own.
    /// - Derived keys ([`derive_key`](crate::IdempotencyContext::derive_key)) are made of the key,
    ///   and stay the same: another service that has seen one replays what it did then, even if
    ///   that was taken back. Where that matters let the client draw a new key instead.
    /// - It may be called while the process drains, and on any process that has the store and the
    ///   namespace, with or without a server.
    ///
    /// # Errors
    /// A key that is not valid, and an error of the store: a store of the application's own may not
    /// have [`Store::forget`](crate::Store::forget).
    pub async fn forget<'a>(
        &self,
        entry: impl Into<EntryRef<'a>>,
        version: EntryVersion,
    ) -> Result<Forgotten, EntryError> {
        let address = entry.into().address_of_a_key(&self.0.settings).map_err(EntryError::Key)?;
        let forgotten = self.free(address, version).await?;
        tracing::info!(%address, ?forgotten, "an entry was to be forgotten by hand");
        Ok(forgotten)
    }

    /// Forgets the entry at `address` if it is still as it was seen, and nothing that has come
    /// since.
    async fn free(&self, address: Address, seen: EntryVersion) -> Result<Forgotten, StoreError> {
        let store = self.0.store.for_operators();
        for _ in 0..TRIES {
            let Some(found) = self.look(address).await? else { return Ok(Forgotten::NotFound) };
            let entry = Entry::of(&found);
            if entry.version != seen {
                return Ok(Forgotten::Changed(entry));
            }
            if let EntryState::Running { lease_left } = entry.state {
                return Ok(Forgotten::Running { lease_left });
            }
            match store.forget(found.to_forget()).await.map_err(CallError::into_error)? {
                Forget::Done => return Ok(Forgotten::Done),
                Forget::Vacant => return Ok(Forgotten::NotFound),
                Forget::Running { lease_left } => return Ok(Forgotten::Running { lease_left }),
                Forget::Another => {}
            }
        }
        Err(StoreError::not_done(store.name(), "the entry was another one each time"))
    }
}
