//! Errors of a database in a transaction, by what they say of another try.

use std::{error::Error, io};

/// Error of a database, as a handler's error: `?` makes it of a `sqlx::Error`, a `sea_orm::DbErr`
/// or a `diesel::result::Error`.
///
/// A conflict with another transaction (a serialization failure, a deadlock, a lock that was not to
/// be had), a connection that was lost and a database that does not answer are 503 with
/// `Retry-After`: nothing was kept, the key is free, and the same request may succeed. Anything
/// else is a 500. Neither tells the client what the database said; the log does.
///
/// A handler with an error type of its own decides its status itself. Whichever 5xx it is,
/// everything is rolled back.
///
/// In a handler without `transaction` it is an error like any other of the handler's: what had been
/// written before stands, so `replay` decides about its answer.
#[derive(Debug, thiserror::Error)]
#[error("the transaction failed")]
pub struct TransactionError {
    kind: TransactionErrorKind,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

/// Meaning of a [`TransactionError`], for whoever may try again and for whoever has to know what
/// was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionErrorKind {
    /// The database has answered that another transaction was in the way. Nothing was done, and
    /// another try may succeed.
    Conflict,
    /// The database has refused, for a reason that another try would meet again. Nothing was done.
    Refused,
    /// The database, or the way to it, is not there. Nobody knows what was done. Another try may
    /// succeed.
    Unavailable,
    /// Anything else. Nobody knows what was done.
    Other,
}

impl TransactionError {
    /// An error of this kind with its cause, which is shown in the log only.
    pub fn new(kind: TransactionErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        TransactionError { kind, cause: cause.into() }
    }

    /// An error that PostgreSQL has answered with this SQLSTATE.
    pub fn of_sqlstate(code: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(of_sqlstate(code), cause)
    }

    /// Meaning of the error.
    pub fn kind(&self) -> TransactionErrorKind {
        self.kind
    }

    /// The database's own error, or its library's.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }

    /// True where the database has answered, and has done nothing.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.kind, TransactionErrorKind::Conflict | TransactionErrorKind::Refused)
    }

    /// True where another try may succeed.
    pub(crate) fn may_be_tried_again(&self) -> bool {
        matches!(self.kind, TransactionErrorKind::Conflict | TransactionErrorKind::Unavailable)
    }

    /// Error for a call that has taken too long.
    pub(crate) fn timed_out() -> Self {
        Self::new(TransactionErrorKind::Unavailable, io::Error::from(io::ErrorKind::TimedOut))
    }
}

/// Kind of the errors with a SQLSTATE of PostgreSQL.
fn of_sqlstate(code: &str) -> TransactionErrorKind {
    match code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => TransactionErrorKind::Conflict,
        // A server that has become a standby, a pooler that cannot say what became of a statement.
        "25006" | "40003" => TransactionErrorKind::Unavailable,
        // Connection exceptions, too few resources, an operator's intervention.
        _ if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            TransactionErrorKind::Unavailable
        }
        _ => TransactionErrorKind::Refused,
    }
}

/// Kind of the errors with a result code of SQLite.
fn of_sqlite(code: u32) -> TransactionErrorKind {
    match code & 0xff {
        // Busy and locked, whichever kind of them.
        5 | 6 => TransactionErrorKind::Conflict,
        _ => TransactionErrorKind::Refused,
    }
}

/// Kind of an error of sqlx.
pub(crate) fn of_sqlx(error: &sqlx::Error) -> TransactionErrorKind {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match code.parse() {
                Ok(number) if code.len() < 5 => of_sqlite(number),
                _ => of_sqlstate(&code),
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => TransactionErrorKind::Unavailable,
        _ => TransactionErrorKind::Other,
    }
}

impl From<sqlx::Error> for TransactionError {
    fn from(error: sqlx::Error) -> Self {
        Self::new(of_sqlx(&error), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_the_kind_that_its_code_says() {
        for (code, kind) in [
            ("40001", TransactionErrorKind::Conflict),
            ("40P01", TransactionErrorKind::Conflict),
            ("55P03", TransactionErrorKind::Conflict),
            ("40003", TransactionErrorKind::Unavailable),
            ("25006", TransactionErrorKind::Unavailable),
            ("08006", TransactionErrorKind::Unavailable),
            ("53300", TransactionErrorKind::Unavailable),
            ("57P01", TransactionErrorKind::Unavailable),
            ("23505", TransactionErrorKind::Refused),
            ("22012", TransactionErrorKind::Refused),
        ] {
            assert_eq!(TransactionError::of_sqlstate(code, "cause").kind(), kind, "{code}");
        }
        for (code, kind) in [
            (5, TransactionErrorKind::Conflict),
            (517, TransactionErrorKind::Conflict),
            (6, TransactionErrorKind::Conflict),
            (19, TransactionErrorKind::Refused),
            (2067, TransactionErrorKind::Refused),
        ] {
            assert_eq!(of_sqlite(code), kind, "{code}");
        }
    }

    #[test]
    fn only_what_the_database_has_answered_is_known_to_have_done_nothing() {
        for (kind, is_answered, may_be_tried_again) in [
            (TransactionErrorKind::Conflict, true, true),
            (TransactionErrorKind::Refused, true, false),
            (TransactionErrorKind::Unavailable, false, true),
            (TransactionErrorKind::Other, false, false),
        ] {
            let error = TransactionError::new(kind, "cause");
            assert_eq!((error.is_answered(), error.may_be_tried_again()), (is_answered, may_be_tried_again));
            assert_eq!(
                (error.to_string().as_str(), error.cause().to_string().as_str()),
                ("the transaction failed", "cause")
            );
        }
    }
}
