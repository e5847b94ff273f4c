//! Failures of a transaction, and what may be left of it.

use crate::store::{SetupError, StoreError};

/// The store's name.
pub(super) const NAME: &str = "sqlite";

/// Another connection is writing.
pub(super) const BUSY: i32 = 5;
/// The disk, or the system, has failed.
pub(super) const IO_ERROR: i32 = 10;
/// The disk is full, or the file may not grow.
pub(super) const FULL: i32 = 13;

/// True where `error` has this primary result code.
pub(super) fn is(code: i32, error: &sqlx::Error) -> bool {
    let found = error.as_database_error().and_then(|error| error.code());
    found.and_then(|found| found.parse::<i32>().ok()).is_some_and(|found| found & 0xff == code)
}

pub(super) fn unreachable(error: sqlx::Error) -> SetupError {
    SetupError::unreachable(NAME, error)
}

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
            Failure::RolledBack(error) => StoreError::not_done(NAME, error),
            Failure::InDoubt(error) => StoreError::unavailable(NAME, error),
        }
    }
}
