//! Errors of checkpoints.

use actix_web::{
    Error, HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};

use crate::response::OwnAnswer;

/// Error of a checkpoint: of its step, or of the checkpoint itself.
///
/// `?` makes an answer of it, in handlers that return `Result<_, CheckpointError<E>>` and in those
/// that return `Result<_, actix_web::Error>`: the step's own error keeps its status. `E` is any
/// type that `?` takes there, `actix_web::Error` too.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError<E> {
    /// The step's own error. Nothing is recorded: the next attempt runs the step again.
    #[error(transparent)]
    Step(E),
    /// The checkpoint has no value of the step.
    #[error(transparent)]
    Failed(CheckpointFailure),
}

impl<E> From<CheckpointFailure> for CheckpointError<E> {
    fn from(failure: CheckpointFailure) -> Self {
        CheckpointError::Failed(failure)
    }
}

impl<E: Into<Error>> From<CheckpointError<E>> for Error {
    fn from(error: CheckpointError<E>) -> Self {
        match error {
            CheckpointError::Step(error) => error.into(),
            CheckpointError::Failed(failure) => failure.into(),
        }
    }
}

impl<E: ResponseError> CheckpointError<E> {
    /// The answering error, for error types that hold this one and answer themselves.
    pub fn as_response_error(&self) -> &dyn ResponseError {
        match self {
            CheckpointError::Step(error) => error,
            CheckpointError::Failed(failure) => failure,
        }
    }
}

/// Reason that a checkpoint has no value of its step.
///
/// The answer to it is a 503 with `Retry-After` where the store did not answer, a 409 with
/// `Retry-After` where another attempt has taken over, and a 500 where the program is wrong. The
/// text tells nothing about the store or the value.
///
/// That answer is the library's, and no outcome: it is never stored, even where `replay` would
/// store it. The key is free again, and the steps that are recorded stay. So a retry goes on where
/// this attempt has stopped. It holds for `?`, and for an error type that answers with
/// [`as_response_error`](CheckpointError::as_response_error). A handler that makes a response of
/// its own of a failure has answered itself, and that response is stored like any other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFailure {
    /// The store does not answer. The step did not run.
    #[error("the idempotency store is unavailable: the step was not run")]
    Unavailable,
    /// The store has no room for the step. It did not run.
    #[error("the idempotency store is full: the step was not run")]
    Full,
    /// The execution has lost its claim, because its lease has run out or because it has ended. A
    /// step that had not begun yet does not run. A step that was running when that happened has
    /// run, and is not recorded.
    #[error("the execution has lost its claim: another attempt may run, or has ended")]
    Fenced,
    /// A name that is not valid. The step did not run.
    #[error("the name of a checkpoint has 1 to 64 characters, not {length}")]
    Name {
        /// Number of its characters.
        length: usize,
    },
    /// Two checkpoints of one name in one attempt. The step of the second did not run.
    #[error("two checkpoints of one attempt have the name {name:?}: which of the two results is meant?")]
    Twice {
        /// The name.
        name: String,
    },
    /// More checkpoints than an execution may have. The step did not run.
    #[error("an execution has at most 32 checkpoints")]
    TooMany,
    /// The handler's transaction keeps the store from recording anything. The step did not run.
    #[error(
        "a SQLite file has one writer, and that is the handler's transaction: a checkpoint cannot be recorded before it has ended"
    )]
    InTransaction,
    /// A value longer than the limit. The step has run, and will not be run again.
    #[error(
        "the value of a checkpoint has at most 65536 bytes as JSON, not {bytes}: the step has run, and its value is lost"
    )]
    TooLarge {
        /// Number of its bytes as JSON.
        bytes: usize,
    },
    /// In an earlier attempt the step has run, and its value could not be recorded: it was too
    /// large, or could not be written as JSON.
    #[error("the step has run in an earlier attempt, and its value is lost")]
    Lost,
    /// The value cannot be written as JSON, or cannot be read back as it was. The step has run, and
    /// will not be run again.
    #[error(
        "the value of a checkpoint is not to be written as JSON, or not to be read from it: the step has run"
    )]
    Json(#[source] serde_json::Error),
    /// The record of the step is damaged, or of a later release. The step has run.
    #[error("what is recorded of the step cannot be read")]
    Unreadable,
}

impl CheckpointFailure {
    /// Seconds after which another try can succeed. `None` where it cannot.
    fn retry_after(&self) -> Option<u32> {
        match self {
            CheckpointFailure::Unavailable | CheckpointFailure::Fenced => Some(1),
            CheckpointFailure::Full => Some(5),
            _ => None,
        }
    }
}

impl ResponseError for CheckpointFailure {
    fn status_code(&self) -> StatusCode {
        match self {
            CheckpointFailure::Unavailable | CheckpointFailure::Full => StatusCode::SERVICE_UNAVAILABLE,
            CheckpointFailure::Fenced => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let answer = match self {
            CheckpointFailure::Fenced => OwnAnswer::Lost,
            _ => OwnAnswer::Failed,
        };
        let mut response = answer.respond(self.status_code(), self);
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
