//! Making a key free again by hand.

use std::time::Duration;

use super::{EntryError, EntryRef};
use crate::{
    idempotency::Idempotency,
    request::Address,
    store::{CallError, Forget, ForgetRequest, Standing, StoreError},
};

/// What has come of [`Idempotency::forget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Forgotten {
    /// The key is free: the next request with it runs.
    Done,
    /// There is no such entry: nobody has used the key, or it is free again. Nothing was done.
    NotFound,
    /// The request runs, as far as anybody knows. Nothing was done.
    Running {
        /// How long it is until it would be given up, unless its process goes on renewing its lease.
        lease_left: Duration,
    },
}

impl Idempotency {
    /// Makes a key free again by hand, whatever is recorded: the next request with it runs as a first attempt, whatever its body is.
    ///
    /// What was completed, is remembered as expired, has an unknown outcome or was found dead is forgotten. A request that runs is not: its effect would
    /// have a second one beside it. To say what became of a request, rather than to have it run again, there is [`resolve`](Self::resolve).
    ///
    /// ```
    /// use actix_web::http::Method;
    /// use idempotent_runtime::{EntryName, Forgotten, Idempotency};
    ///
    /// # async fn forget() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// // The first answer was wrong, its effect has been taken back, and the client is to send the same request again.
    /// let name = EntryName::endpoint(Method::POST, "/orders", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    /// match idempotency.forget(&name).await? {
    ///     Forgotten::Done => println!("the next request with this key runs"),
    ///     not_done => println!("nothing to do: {not_done:?}"),
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(forget()).unwrap();
    /// ```
    ///
    /// # What to know
    ///
    /// - It is one atomic step of the store. Of two operators one comes first, and the other finds nothing, or the request that has come since.
    /// - An execution that only seemed to have died loses its claim by this, and records nothing. What it does otherwise, it does.
    /// - Steps that were recorded with [`checkpoint`](crate::IdempotencyContext::checkpoint) are forgotten with their key: they run again too. A step that
    ///   runs at this moment stays, and the next request waits for it.
    /// - The `local_cache` of this process forgets the response too. *Those of other processes do not*: what they hold they replay until its time ends,
    ///   they are restarted, or the key is [inspected](Self::inspect) or forgotten there: a process that finds that the store has another outcome, or none,
    ///   drops its own.
    /// - It takes what is there when it comes, also a response that has been recorded since you looked. So it is not repeated blindly where its answer
    ///   was lost: [inspect](Self::inspect) first.
    /// - Derived keys ([`derive_key`](crate::IdempotencyContext::derive_key)) are made of the key, and stay: another service that has seen one replays what it
    ///   did then, also if that was taken back. Where that matters let the client draw a new key instead.
    /// - It may be called while the process drains, and on any process that has the store and the namespace, with or without a server.
    ///
    /// # Errors
    /// A key that is not one, and what the store says: one of the application's own may not have [`Store::forget`](crate::Store::forget).
    pub async fn forget<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Result<Forgotten, EntryError> {
        let address = entry.into().address_of_a_key(&self.0.settings).map_err(EntryError::Key)?;
        let forgotten = self.free(address).await?;
        tracing::info!(%address, ?forgotten, "an entry was to be forgotten by hand");
        Ok(forgotten)
    }

    /// Forgets the entry that is found there, and no other execution's that has come since.
    async fn free(&self, address: Address) -> Result<Forgotten, StoreError> {
        let store = self.0.store.patiently();
        let Some(found) = self.look(address).await? else { return Ok(Forgotten::NotFound) };
        if let Standing::Running { lease_left, .. } = found.standing {
            return Ok(Forgotten::Running { lease_left });
        }
        let request = ForgetRequest { address, token: found.token };
        match store.forget(request).await.map_err(CallError::into_error)? {
            Forget::Done => Ok(Forgotten::Done),
            Forget::Vacant => Ok(Forgotten::NotFound),
            Forget::Running { lease_left } => Ok(Forgotten::Running { lease_left }),
            Forget::Another => {
                Err(StoreError::undone(store.name(), "meanwhile the entry has become another one"))
            }
        }
    }
}
