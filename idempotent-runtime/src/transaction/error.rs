//! Errors of a transaction, with those that another try may mend.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};
use sqlx::{Error, error::DatabaseError};

/// Error of a database, as a handler's error: `?` makes it of a `sqlx::Error`.
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
pub struct TransactionError(#[from] Error);

impl TransactionError {
    /// The database's own error.
    pub fn cause(&self) -> &Error {
        &self.0
    }
}

impl ResponseError for TransactionError {
    fn status_code(&self) -> StatusCode {
        match Failure::of(&self.0) {
            Failure::Conflict | Failure::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Other => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self.0, "a handler's transaction failed");
        let mut response = HttpResponse::build(self.status_code());
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, 1));
        }
        response.body(self.to_string())
    }
}

/// Reason that no transaction was committed for a step of
/// [`run_in`](crate::OnceBuilder::run_in), which no other try mends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionFailure {
    /// The store has no transactions in a database of this kind. The step did not run.
    #[error(
        "the idempotency store has no transactions of the database that the step asks for: it has to be a store in that database, made with the application's pool"
    )]
    NotOffered,
    /// The transaction was rolled back before the step had ended, by a `ROLLBACK` or by an error on
    /// which the database rolls back. Nothing is kept, and the key is free.
    #[error("the step's transaction was rolled back before the step had ended: nothing is kept")]
    RolledBack,
    /// The step has committed its transaction itself, or nobody can tell that it has not. What it
    /// did stands, and the outcome of the key is unknown.
    #[error("the step has committed its transaction itself: what it did stands, without a value")]
    Committed,
    /// The step has left a savepoint open, or its transaction to something that outlives the step.
    /// Nothing is kept, and the key is free.
    #[error(
        "the step has left a savepoint open, or its transaction to something that outlives it: nothing is kept"
    )]
    LeftOpen,
    /// The database has refused to begin the transaction, or to commit it. Nothing is kept, and the
    /// key is free.
    #[error("the database has refused the step's transaction: nothing is kept")]
    Refused(#[source] Error),
}

/// Meaning of a failure for whoever may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another transaction was in the way.
    Conflict,
    /// The database, or the way to it, was not there.
    Unavailable,
    /// It would fail again.
    Other,
}

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Database(error) => Failure::of_database(&**error),
            Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => {
                Failure::Unavailable
            }
            _ => Failure::Other,
        }
    }

    fn of_database(error: &dyn DatabaseError) -> Self {
        let code = error.code().unwrap_or_default();
        match &*code {
            // PostgreSQL: serialization failure, deadlock, lock not available.
            "40001" | "40P01" | "55P03" => Failure::Conflict,
            // Connection exceptions, too few resources, an operator's intervention, a server that
            // has become a standby, a pooler that cannot say what became of a statement.
            _ if code.len() == 5 && ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
                Failure::Unavailable
            }
            "25006" | "40003" => Failure::Unavailable,
            // SQLite: busy and locked, whichever kind of them.
            _ if code.len() < 5 && matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6)) => {
                Failure::Conflict
            }
            _ => Failure::Other,
        }
    }
}
