//! Place of an execution's transaction while the handler does not have it.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::open_transaction::{Open, OpenTransaction};
use crate::store::{
    StoreHandle,
    transactional::{Offer, Offers, Revoke, TransactionError, TransactionState, TransactionalDatabase},
};

tokio::task_local! {
    static SLOT: Arc<Slot>;
}

/// The place of one execution's transaction.
pub(crate) struct Slot {
    store: StoreHandle,
    progress: Mutex<Progress>,
}

// Who has the transaction:
//
//   nobody: it has not begun ─ an extractor begins it ─▶ the handler, which holds its lock
//
//   the handler ─ it ends ─▶ the execution
//               └ it has not ended when the execution asks ─▶ nobody: closed when it ends
#[derive(Default)]
enum Progress {
    #[default]
    NotBegun,
    Beginning,
    Open(Box<dyn Borrowed>),
}

/// A transaction that the handler has, or has had.
trait Borrowed: Send {
    /// The transaction, if the handler has it no more.
    fn given_back(&self) -> Option<Box<dyn Open>>;
    /// Keeps it from being committed, and tells what has become of it; unknown where that cannot
    /// be done.
    fn revoke(&self) -> TransactionState;
    /// True if the store has to wait for its end before it can write.
    fn writes_alone(&self) -> bool;
}

/// A transaction behind the lock that its handler has, and what is known of it meanwhile.
struct BorrowedFrom<DB: TransactionalDatabase> {
    begun: Arc<tokio::sync::Mutex<OpenTransaction<DB>>>,
    revoke: Option<Revoke>,
    writes_alone: bool,
}

impl<DB: TransactionalDatabase> Borrowed for BorrowedFrom<DB> {
    fn given_back(&self) -> Option<Box<dyn Open>> {
        let begun = Arc::clone(&self.begun).try_lock_owned().ok()?;
        Some(Box::new(begun))
    }

    // Where nobody else can prevent it, the holder of the connection may commit at any time.
    fn revoke(&self) -> TransactionState {
        self.revoke.as_ref().map_or(TransactionState::Unknown, |revoke| revoke())
    }

    fn writes_alone(&self) -> bool {
        self.writes_alone
    }
}

/// Transaction as it is when the handler has ended.
pub(crate) enum AtClose {
    /// None was begun.
    Nothing,
    /// This one.
    Returned(Box<dyn Open>),
    /// One that something which the handler has left behind still has, and what has become of it.
    Borrowed(TransactionState),
}

/// Reason that no transaction can be lent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum NoTransaction {
    #[error("IdempotentTx needs `#[idempotent(…, transaction)]` on the handler, and a key")]
    NotAsked,
    #[error("a handler has one IdempotentTx, and it is lent already")]
    Taken,
    #[error(
        "the store keeps its keys in another database than the IdempotentTx is of, or was not given its pool"
    )]
    AnotherDatabase,
    #[error("the transaction has ended before its handler began")]
    Ended,
}

/// Reason that a transaction has not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBegun {
    /// There is none to be had, however often it is tried.
    #[error(transparent)]
    Mistake(#[from] NoTransaction),
    /// The database has failed.
    #[error("{}", .0.cause())]
    Database(#[from] TransactionError),
}

impl Slot {
    pub(crate) fn new(store: StoreHandle) -> Arc<Self> {
        Arc::new(Slot { store, progress: Mutex::default() })
    }

    /// `work`, whose extractors may begin the transaction.
    pub(crate) fn known_to<W: Future>(self: &Arc<Self>, work: W) -> impl Future<Output = W::Output> + use<W> {
        SLOT.scope(Arc::clone(self), work)
    }

    /// The slot of the execution that runs.
    pub(super) fn current() -> Result<Arc<Self>, NoTransaction> {
        SLOT.try_with(Arc::clone).map_err(|_| NoTransaction::NotAsked)
    }

    /// Offer of the store for a transaction of this database, which is about to begin.
    pub(super) fn beginning<DB: TransactionalDatabase>(&self) -> Result<Offer<DB>, NoTransaction> {
        let offer = offer::<DB>(&self.store).ok_or(NoTransaction::AnotherDatabase)?;
        let mut progress = self.progress();
        if !matches!(*progress, Progress::NotBegun) {
            return Err(NoTransaction::Taken);
        }
        *progress = Progress::Beginning;
        Ok(offer.clone())
    }

    /// It has begun, and the handler has it.
    pub(super) fn begun<DB: TransactionalDatabase>(
        &self,
        open: OpenTransaction<DB>,
    ) -> Arc<tokio::sync::Mutex<OpenTransaction<DB>>> {
        let (revoke, writes_alone) = (open.revoke(), open.writes_alone());
        let begun = Arc::new(tokio::sync::Mutex::new(open));
        let borrowed = BorrowedFrom { begun: Arc::clone(&begun), revoke, writes_alone };
        *self.progress() = Progress::Open(Box::new(borrowed));
        begun
    }

    /// True if the store cannot write before the transaction of the execution that runs has ended.
    pub(crate) fn keeps_the_store_from_writing() -> bool {
        let is_alone = |slot: &Arc<Self>| matches!(&*slot.progress(), Progress::Open(borrowed) if borrowed.writes_alone());
        SLOT.try_with(is_alone).unwrap_or(false)
    }

    /// Closes the slot, and gives the transaction that the handler has left.
    pub(crate) fn close(&self) -> AtClose {
        let progress = mem::take(&mut *self.progress());
        match progress {
            Progress::NotBegun | Progress::Beginning => AtClose::Nothing,
            Progress::Open(borrowed) => {
                borrowed.given_back().map_or_else(|| AtClose::Borrowed(borrowed.revoke()), AtClose::Returned)
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True where the store lends transactions of this kind.
pub(crate) fn lends<DB: TransactionalDatabase>(store: &StoreHandle) -> bool {
    offer::<DB>(store).is_some()
}

fn offer<DB: TransactionalDatabase>(store: &StoreHandle) -> Option<&Offer<DB>> {
    store.transactions()?.downcast_ref::<Offers>()?.of()
}
