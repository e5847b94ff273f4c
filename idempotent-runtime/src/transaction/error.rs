//! Errors of a transaction as answers, and as results of a step.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};

use crate::store::transactional::TransactionError;

impl ResponseError for TransactionError {
    fn status_code(&self) -> StatusCode {
        if self.may_be_tried_again() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self.cause(), "a handler's transaction failed");
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
        "the idempotency store has no transactions of the database that the step asks for: it has to be a store in that database, which was given the application's pool"
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
    Refused(#[source] TransactionError),
}
