//! Failures of a transaction, and what may be left of it.

use super::{
    NAME,
    connect::{FULL, IO_ERROR, is},
};
use crate::store::StoreError;

// begun ─ fails before its commit ─▶ rolled back: the connection is closed, and nothing is kept
//       ─ SQLite refuses the commit ─▶ rolled back, in the same way
//       ─ the disk fails in the commit, or no answer comes ─▶ in doubt: the log may hold it
/// Reason why a transaction brought no answers.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it was kept.
    RolledBack(sqlx::Error),
    /// It may have been committed.
    InDoubt(sqlx::Error),
}

impl Failure {
    /// The failure of a statement that commits.
    pub(super) fn at_commit(error: sqlx::Error) -> Self {
        let is_refused = error.as_database_error().is_some() && !is(IO_ERROR, &error);
        if is_refused { Failure::RolledBack(error) } else { Failure::InDoubt(error) }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Failure::RolledBack(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::RolledBack(error) | Failure::InDoubt(error) if is(FULL, &error) => {
                tracing::error!(%error, "the file of the sqlite store cannot grow");
                StoreError::full(NAME)
            }
            Failure::RolledBack(error) => StoreError::undone(NAME, error),
            Failure::InDoubt(error) => StoreError::unavailable(NAME, error),
        }
    }
}
