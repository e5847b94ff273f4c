//! Where an execution's transaction is while the handler does not have it.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use tokio::sync::Mutex;

use super::{
    Open,
    begun::Begun,
    database::{Database, Standing},
};
use crate::store::StoreHandle;

tokio::task_local! {
    static SLOT: Rc<Slot>;
}

/// The place of one execution's transaction.
pub(crate) struct Slot {
    store: StoreHandle,
    place: RefCell<Place>,
}

// Who has the transaction:
//
//   nobody: it has not begun ─ an extractor begins it ─▶ the handler holds its lock ─ it ends ─▶ the execution
//                                                          └ it has not ended yet when the execution asks ─▶ nobody: closed when it does
#[derive(Default)]
enum Place {
    #[default]
    NotBegun,
    Beginning,
    Begun(Box<dyn Lent>),
}

/// A transaction that the handler has, or has had.
trait Lent {
    /// The transaction, if the handler has it no more.
    fn given_back(&self) -> Option<Box<dyn Open>>;
    /// Keeps it from being committed, where that can be done, and tells what has become of it.
    fn revoke(&self) -> Standing;
    /// Whether the store has to wait for its end before it can write.
    fn writes_alone(&self) -> bool;
}

/// A transaction behind the lock that its handler has, and its mark.
struct Borrowed<DB: Database>(Arc<Mutex<Begun<DB>>>, DB::Mark);

impl<DB: Database> Lent for Borrowed<DB> {
    fn given_back(&self) -> Option<Box<dyn Open>> {
        let begun = Arc::clone(&self.0).try_lock_owned().ok()?;
        Some(Box::new(begun))
    }

    fn revoke(&self) -> Standing {
        DB::revoke(&self.1)
    }

    fn writes_alone(&self) -> bool {
        DB::WRITES_ALONE
    }
}

/// What there is of a transaction when the handler has ended.
pub(crate) enum Left {
    /// None was begun.
    Nothing,
    /// This one.
    Open(Box<dyn Open>),
    /// One that something which the handler has left behind still has, and what has become of it.
    Lent(Standing),
}

/// Why no transaction can be lent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Unlent {
    #[error("IdempotentTx needs `#[idempotent(…, transaction)]` on the handler, and a key")]
    NoTransaction,
    #[error("a handler has one IdempotentTx, and it is lent already")]
    Taken,
    #[error("the store keeps its keys in another database than the IdempotentTx is of")]
    AnotherDatabase,
}

impl Slot {
    pub(crate) fn new(store: StoreHandle) -> Rc<Self> {
        Rc::new(Slot { store, place: RefCell::default() })
    }

    /// `work`, whose extractors may begin the transaction.
    pub(crate) fn known_to<W: Future>(self: &Rc<Self>, work: W) -> impl Future<Output = W::Output> + use<W> {
        SLOT.scope(Rc::clone(self), work)
    }

    /// The slot of the execution that runs.
    pub(super) fn current() -> Result<Rc<Self>, Unlent> {
        SLOT.try_with(Rc::clone).map_err(|_| Unlent::NoTransaction)
    }

    /// What the store offers for a transaction of this database, which is about to begin.
    pub(super) fn beginning<DB: Database>(&self) -> Result<DB::Access, Unlent> {
        let access = self.store.transactions().and_then(|access| access.downcast_ref::<DB::Access>());
        let access = access.ok_or(Unlent::AnotherDatabase)?;
        match self.place.replace(Place::Beginning) {
            Place::NotBegun => Ok(access.clone()),
            taken => {
                self.place.replace(taken);
                Err(Unlent::Taken)
            }
        }
    }

    /// It has begun, and the handler has it.
    pub(super) fn begun<DB: Database>(&self, begun: &Arc<Mutex<Begun<DB>>>, mark: DB::Mark) {
        self.place.replace(Place::Begun(Box::new(Borrowed(Arc::clone(begun), mark))));
    }

    /// Whether the store cannot write before the transaction of the execution that runs has ended.
    pub(crate) fn keeps_the_store_from_writing() -> bool {
        let is_alone =
            |slot: &Rc<Self>| matches!(&*slot.place.borrow(), Place::Begun(lent) if lent.writes_alone());
        SLOT.try_with(is_alone).unwrap_or(false)
    }

    /// What the handler has left.
    pub(crate) fn close(&self) -> Left {
        match self.place.take() {
            Place::NotBegun | Place::Beginning => Left::Nothing,
            Place::Begun(lent) => lent.given_back().map_or_else(|| Left::Lent(lent.revoke()), Left::Open),
        }
    }
}
