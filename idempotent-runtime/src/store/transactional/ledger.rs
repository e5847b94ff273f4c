//! Statements of a store in the transactions that it lends.

use std::sync::Arc;

use super::TransactionError;
use crate::store::{Completion, Hold, Record, Retention};

/// State of a transaction that its handler has, or has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// It is the one that was begun, and nothing of it is decided.
    Stands,
    /// It was rolled back, by the database or by its handler.
    RolledBack,
    /// Its handler has committed it.
    Committed,
    /// It has ended, and nobody can tell how.
    Unknown,
}

/// Lets nothing be committed any more while somebody else has the connection, and tells what had
/// become of the transaction before.
pub(crate) type Revoke = Box<dyn Fn() -> TransactionState + Send + Sync>;

/// One statement with its parameters, all of which are bytes. Numbers are in decimal digits.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) text: Arc<str>,
    pub(crate) parameters: Vec<Vec<u8>>,
}

/// Statements of a store for the transactions of its own database.
///
/// A transaction that is lent has a mark, which tells it from every other on its connection.
pub(crate) trait Ledger: Send + Sync + 'static {
    /// Statements that come first in a transaction with this mark.
    fn first(&self, mark: &str) -> String;

    /// Statement that writes the record in place of the claim, if the hold still stands, and if the
    /// transaction with this mark does.
    fn completion(&self, mark: &str, hold: &Hold, record: &Record, retention: Retention) -> Statement;

    /// Result of the completion, by its answer. `None` where the transaction with this mark has
    /// ended: nothing is written.
    ///
    /// # Errors
    /// The answer is none.
    fn completed(&self, answer: Option<Vec<u8>>) -> Result<Option<Completion>, TransactionError>;

    /// Statement that reads the mark of the connection's transaction, and behind the word
    /// `committed ` that of the transaction that was committed last. `None` where transactions are
    /// witnessed.
    fn mark_read(&self) -> Option<&Arc<str>>;

    /// True where the sessions of the server are lent for one transaction each, so that another one
    /// may answer when a transaction has ended.
    fn sessions_are_lent(&self) -> bool;

    /// True where nobody else writes to the database while a transaction is open, the store itself
    /// included.
    fn writes_alone(&self) -> bool;
}

impl Statement {
    /// The parameters as they are handed on.
    pub(super) fn slices(&self) -> Vec<&[u8]> {
        self.parameters.iter().map(Vec::as_slice).collect()
    }
}
