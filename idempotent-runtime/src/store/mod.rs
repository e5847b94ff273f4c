//! The stores of claims and records: four atomic verbs, a few more for an operator, and a way to
//! wait.
//!
//! A store keeps one entry per [`Address`]. An entry is vacant, claimed, completed, expired or
//! abandoned, and only the verbs of [`Store`] move it. Nothing is decided by looking first:
//! [`Store::claim`] is the only read, and, for an operator, [`Store::resolve`]. An operator may
//! also look, with [`Store::inspect`] and [`Store::stuck`], and [`Store::forget`] what was looked
//! at.
//!
//! ```text
//!           claim             complete                its time has ended
//!   vacant ───────▶ claimed ───────────▶ completed ─────────────────────▶ expired ─▶ vacant
//!      ▲              │  │
//!      │   release    │  │ its lease is over, and the next claim sees that
//!      └──────────────┘  ├─ OnAbandoned::Refuse ─▶ abandoned
//!                        └─ OnAbandoned::Rerun ──▶ claimed, under the token of that claim
//! ```
//!
//! The life of one entry, as the runtime drives it:
//!
//! ```
//! use std::time::Duration;
//!
//! use idempotent_runtime::{
//!     Address, MemoryStore, RequestFingerprint, Store,
//!     store::{
//!         Claim, ClaimRequest, Completion, Hold, OnAbandoned, Origin, Record, Retention, Token,
//!     },
//! };
//!
//! # async fn life() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let (day, none) = (Duration::from_secs(24 * 3600), Duration::ZERO);
//! let first = Hold {
//!     address: Address::from_bytes([1; 32]),
//!     token: Token::random()?,
//!     fingerprint: RequestFingerprint::from_bytes([2; 32]),
//! };
//! let request = |hold| ClaimRequest {
//!     hold,
//!     lease: Duration::from_secs(30),
//!     on_abandoned: OnAbandoned::Refuse,
//!     retention: day,
//!     origin: Origin::default(),
//! };
//! // One caller wins the address. A retry has a token of its own, and waits.
//! assert_eq!(store.claim(request(first)).await?, Claim::Won { attempt: 1 });
//! let retry = Hold { token: Token::random()?, ..first };
//! assert!(matches!(store.claim(request(retry)).await?, Claim::InFlight { .. }));
//! // The winner's token, and no other, completes the claim. From then on it is replayed.
//! let record = Record::from_bytes(&b"a response"[..]);
//! let kept = Retention { replay: day, remember: none };
//! assert_eq!(store.complete(first, record, kept).await?, Completion::Stored);
//! assert!(matches!(store.claim(request(retry)).await?, Claim::Replay { .. }));
//! # Ok(()) }
//! # actix_web::rt::System::new().block_on(life()).unwrap();
//! ```
//!
//! A store of an application's own implements [`Store`], and runs the suite of
//! `idempotent_runtime::conformance` (feature `conformance`).

mod call;
mod circuit_breaker;
mod claim;
mod clocks;
pub mod entry;
mod erased;
mod error;
mod handle;
mod inspect;
mod local_cache;
mod memory;
mod origin;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod remote;
mod resolve;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod transactional;
pub(crate) mod verbs;
mod wait;

#[cfg(feature = "redis")]
pub use self::redis::{RedisConnection, RedisStore, RedisStoreBuilder};
pub(crate) use call::CallError;
pub(crate) use handle::StoreHandle;
pub(crate) use memory::{Held, HeldBy, WeakMemoryStore};
pub(crate) use page::NoCursor;
#[cfg(feature = "diesel-async")]
pub use postgres::DieselPg;
#[cfg(feature = "sea-orm")]
pub use postgres::SeaOrm;
#[cfg(feature = "postgres")]
pub use postgres::{PoolMode, PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, SqliteStoreBuilder};
pub(crate) use wait::Changes;
pub use {
    claim::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Renewal, Retention, Token},
    error::{SetupError, StoreError},
    inspect::{Forget, ForgetRequest, Inspection, Stage, Standing, Stuck, StuckCursor, StuckRequest},
    local_cache::LocalCache,
    memory::{MemoryStore, MemoryStoreBuilder, WhenFull},
    origin::Origin,
    record::Record,
    resolve::{Resolve, ResolveRequest},
};

use std::{future::ready, time::Duration};

use crate::request::{Address, RequestFingerprint};

/// Keeps claims and records, so that one request runs at most once.
///
/// Implementations write plain `async fn`. Every verb has to be atomic: of any number of
/// simultaneous claims on a vacant address exactly one is [`Claim::Won`]. Calls are never dropped
/// half-way, with two exceptions: [`changed`](Store::changed), and, while thousands of calls are
/// without an answer, those that have been so for a minute. A store that leaves a thousand calls in
/// a row without an answer is sent one at a time until it answers. The suite in
/// `idempotent_runtime::conformance` (feature `conformance`) checks a store against everything that
/// is said here.
///
/// # Rules for all verbs
///
/// - **An entry is forgotten when its time has ended.** The time of a claim ends one retention
///   after its lease. The time of a record ends when the record is replayed no more, and the key is
///   no longer remembered. From that moment on the address is vacant to every verb. A store may
///   delete the entry later: nobody can see a difference.
/// - **A hold stands** as long as its entry is claimed with its token and not forgotten. A lease
///   that has run out does not end a hold. These end it: abandonment, takeover, completion, release
///   and an operator.
/// - **A repeated call gets the same answer.** Its first reply may have been lost. Times in the
///   answer are counted from now. What has been recorded stays.
/// - **An entry that cannot be read** is damaged, or in a state that this release does not know. A
///   claim, a resolution, a look and a request to forget are told so before anything else:
///   [`StoreError::Unreadable`]. No hold on such an entry stands. Only time removes it, and
///   [`forget`](Store::forget) of the entry above it. It is never vacant, since its request may
///   have run.
/// - **Errors say what was done.** [`StoreError::Unavailable`] is for calls whose fate is not
///   known: such a claim is sent again and released in the background. With every other error the
///   store says that it has done nothing and will do nothing, and the call is over.
///
/// # Cases that are easily got wrong
///
/// [`entry`] decides every verb, and the suite compares each answer of a store with it. Stores have
/// differed from one another in four cases, which are decided like this:
///
/// - **A completion repeated after its record has expired**, while the key is remembered, is
///   [`Completion::Stored`]. The caller asks whether its own record was written, and it was.
///   Fenced, it would tell its client that the response had not been stored.
/// - **A claim repeated with another lease or retention** takes the new ones, shorter or longer.
///   The caller knows only the latest, and counts by it.
/// - **A hold that is used after lease and retention have ended** is fenced, though nobody has
///   claimed the address since. The entry is forgotten: a record written now would be of a request
///   that may have run again meanwhile.
/// - **An entry that is forgotten and not deleted yet** is vacant to a repeated completion as to
///   every other verb: [`Completion::Fenced`], also for the token that completed it. The answer may
///   not depend on the moment at which a store deletes.
pub trait Store: Send + Sync + 'static {
    /// The store's name, for logs.
    fn name(&self) -> &'static str;

    /// Decides whether the caller may run the request.
    ///
    /// In this order:
    /// 1. A vacant address, or one whose entry is forgotten: the caller's claim is written,
    ///    [`Claim::Won`], attempt 1.
    /// 2. Another fingerprint than the entry's: [`Claim::Reused`], whatever state the entry is in.
    /// 3. Completed: [`Claim::Replay`], with what is left of its time. Completed, expired and
    ///    remembered: [`Claim::Expired`].
    /// 4. Claimed with this same token, whether or not the lease has run out: [`Claim::Won`] again,
    ///    with the attempt of before. Lease and retention are counted anew, as this claim says.
    /// 5. Claimed, and the lease runs: [`Claim::InFlight`].
    /// 6. Claimed, and the lease has run out: under [`OnAbandoned::Refuse`] the entry becomes
    ///    abandoned for good and the answer is [`Claim::Abandoned`]; under [`OnAbandoned::Rerun`]
    ///    the caller's claim replaces it, [`Claim::Won`], one attempt more.
    /// 7. Abandoned: [`Claim::Abandoned`].
    fn claim(&self, request: ClaimRequest) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Lets the lease run from now, if the hold still stands. The claim's retention is counted from
    /// the lease's new end.
    fn renew(&self, hold: Hold, lease: Duration) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Writes the record in place of the claim, if the hold still stands.
    ///
    /// In this order:
    /// 1. A vacant address, or one whose entry is forgotten: [`Completion::Fenced`], without a
    ///    record.
    /// 2. Claimed with this token: the record is written, [`Completion::Stored`].
    /// 3. Completed by this token: [`Completion::Stored`] again, also when the record has expired
    ///    and is remembered. The first record and its times stay, even if the repeated call brings
    ///    others.
    /// 4. Completed by another token: [`Completion::Fenced`], with the winner's record where it is
    ///    still replayed and belongs to the same fingerprint.
    /// 5. Otherwise: [`Completion::Fenced`], without a record.
    fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> impl Future<Output = Result<Completion, StoreError>> + Send;

    /// Makes the address vacant again, if the hold still stands; else changes nothing.
    fn release(&self, hold: Hold) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends an entry that nobody runs any more, for somebody who knows what became of its request.
    ///
    /// In this order:
    /// 1. A vacant address, or one whose entry is forgotten: [`Resolve::Vacant`].
    /// 2. Claimed, and the lease runs: [`Resolve::Running`].
    /// 3. Completed, expired and remembered: [`Resolve::Expired`]. Completed by this same token:
    ///    [`Resolve::Done`] again.
    /// 4. Completed with any other record than `instead_of`: [`Resolve::Completed`], with that
    ///    record.
    /// 5. Claimed, and the lease has run out, or abandoned: [`Resolve::Done`]. The outcome is
    ///    recorded under the entry's fingerprint. It is replayed for as long as the entry would
    ///    have been remembered. Without an outcome the address is vacant.
    /// 6. Completed with the record `instead_of`: [`Resolve::Done`]. The outcome takes the place of
    ///    that record, and its time. Without an outcome the address is vacant.
    ///
    /// From then on the owner of the claim is fenced, and all waiters are woken. Like a claim, a
    /// resolution decides and writes in one step. A store that leaves this method as it is cannot
    /// end entries by hand, and says so: [`StoreError::NotDone`].
    fn resolve(&self, request: ResolveRequest) -> impl Future<Output = Result<Resolve, StoreError>> + Send {
        let _ = request;
        ready(Err(StoreError::not_done(
            self.name(),
            "this store cannot end an entry by hand: it has no `resolve`",
        )))
    }

    /// Everything known of the entry at `address`; `None` where the address is vacant, or its entry
    /// is forgotten.
    ///
    /// Changes nothing, and nothing is decided by it: the answer may be out of date when it
    /// arrives. A store cannot be looked into if it leaves this method, [`forget`](Store::forget)
    /// or [`stuck`](Store::stuck) as it is. It says so: [`StoreError::NotDone`].
    fn inspect(
        &self,
        address: Address,
    ) -> impl Future<Output = Result<Option<Inspection>, StoreError>> + Send {
        let _ = address;
        ready(Err(no_such_verb(self.name(), "inspect")))
    }

    /// Makes the address of an entry vacant that nobody runs, whatever its outcome is.
    ///
    /// In this order:
    /// 1. A vacant address, or one whose entry is forgotten: [`Forget::Vacant`].
    /// 2. Another token than the entry's, or another stage: [`Forget::Another`]. An entry has the
    ///    token of the claim that it is or was, or of what completed it. The stage tells a claim
    ///    from its own completion, which has the same token.
    /// 3. Claimed, and the lease runs: [`Forget::Running`].
    /// 4. Otherwise: [`Forget::Done`]. The entry is gone, and with it every entry beneath it: those
    ///    whose addresses begin with the same sixteen bytes, which are the steps of its executions.
    ///    Steps that are claimed stay while their lease runs. Steps that cannot be read go too.
    ///
    /// From then on the owner of the claim is fenced, and all waiters are woken. Like a claim, it
    /// decides and writes in one step, as far as the entry is concerned. Nobody may win the address
    /// while something beneath it is still to go.
    fn forget(&self, request: ForgetRequest) -> impl Future<Output = Result<Forget, StoreError>> + Send {
        let _ = request;
        ready(Err(no_such_verb(self.name(), "forget")))
    }

    /// A page of the entries that wait for an operator. An entry waits if its lease has run out
    /// without an outcome, whether or not a claim has seen that, or if it is completed with the
    /// record that says that nothing is known.
    ///
    /// The entries that would be forgotten first come first, as far as the store keeps an order:
    /// where all keys are kept equally long, those are the oldest. Looks at a bounded number of
    /// entries and holds up no claim. So a page may hold fewer entries than are wanted, or none,
    /// while there are more: [`Stuck::next`] tells. An entry that is stuck the whole time while all
    /// pages are read is in one of them.
    fn stuck(&self, request: StuckRequest) -> impl Future<Output = Result<Stuck, StoreError>> + Send {
        let _ = request;
        ready(Err(no_such_verb(self.name(), "stuck")))
    }

    /// The response to exactly this request, if this process's memory holds it and its time has not
    /// ended.
    ///
    /// Every request asks this first. A completed entry never changes until it expires. So the
    /// response found here is the one that [`claim`](Store::claim) would replay, without the cost
    /// of a claim. Everything else is left to `claim`: another fingerprint, a claim that runs, a
    /// record that has expired. Answers at once. A store that keeps no responses in memory leaves
    /// this method as it is, which finds nothing.
    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        let _ = (address, fingerprint);
        None
    }

    /// A token that no other claim of this store has: 128 random bits, unless the store knows a
    /// cheaper way to be sure. Drawn for each claim that is to be sent. Where entries outlive the
    /// process or are shared, only drawing the tokens one by one is sure.
    ///
    /// # Errors
    /// The operating system has no random numbers to give. Nothing is claimed then.
    fn token(&self) -> Result<Token, StoreError> {
        Token::random().map_err(|error| StoreError::unavailable(self.name(), error))
    }

    /// A claim for a transaction of this store's own database. The transaction ends the claim. It
    /// may be lost with everything that has not reached the disk yet: a crash that loses the claim
    /// loses the transaction too, or the transaction finds that the claim does not hold. By
    /// default, which suits other stores: a plain claim.
    #[doc(hidden)]
    fn claim_for_transaction(
        &self,
        request: ClaimRequest,
    ) -> impl Future<Output = Result<Claim, StoreError>> + Send {
        self.claim(request)
    }

    /// Details that a handler's transaction needs of a store that can take part in it. By default,
    /// which suits other stores: nothing.
    #[doc(hidden)]
    fn transactions(&self) -> Option<&(dyn std::any::Any + Send + Sync)> {
        None
    }

    /// The answer to a claim, where the store has it without waiting: then nothing else is asked.
    /// By default, which suits all stores that wait for something: there is none.
    #[doc(hidden)]
    fn claim_now(&self, request: &ClaimRequest) -> Option<Result<Claim, StoreError>> {
        let _ = request;
        None
    }

    /// The answer to a completion, where the store has it without waiting.
    #[doc(hidden)]
    fn complete_now(
        &self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Option<Result<Completion, StoreError>> {
        let _ = (hold, record, retention);
        None
    }

    /// The [`MemoryStore`] that this store is, for those who look at its contents as a whole.
    #[doc(hidden)]
    fn memory(&self) -> Option<&(dyn std::any::Any + Send + Sync)> {
        None
    }

    /// Waits until the entry at `address` may have changed since it was last claimed.
    ///
    /// Returns early rather than late: at once where the address is not claimed. May be dropped at
    /// any time, so it must hold nothing of the store's while it waits.
    fn changed(&self, address: Address) -> impl Future<Output = ()> + Send;
}

fn no_such_verb(store: &'static str, verb: &str) -> StoreError {
    StoreError::not_done(store, format!("this store cannot be looked into: it has no `{verb}`"))
}
