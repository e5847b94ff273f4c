//! Work that whoever waits for it cannot drop.

use std::pin::Pin;

use actix_web::rt;
use tokio::task::JoinError;
use tracing::Instrument;

use crate::poll_once::poll_once;

/// Runs `work` to its end, whether or not the caller is still there.
///
/// It is polled once in place. If it is finished then, there was no await at which it could have been dropped; if not, it
/// moves to a task of its own on this worker, inside the caller's tracing span.
///
/// # Errors
/// Where the task panicked, or the worker stops.
pub(crate) async fn detached<T: 'static>(
    mut work: Pin<Box<impl Future<Output = T> + ?Sized + 'static>>,
) -> Result<T, JoinError> {
    match poll_once(work.as_mut()).await {
        Some(output) => Ok(output),
        None => rt::spawn(work.in_current_span()).await,
    }
}

/// The same, from wherever there is a runtime. What nobody waits for any more is dropped when it is done.
pub(crate) async fn carried<T: Send + 'static>(
    mut work: Pin<Box<impl Future<Output = T> + Send + 'static>>,
) -> Result<T, JoinError> {
    match poll_once(work.as_mut()).await {
        Some(output) => Ok(output),
        None => tokio::spawn(work.in_current_span()).await,
    }
}
