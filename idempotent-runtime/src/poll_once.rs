//! One poll, so that what is ready at once needs no task.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// Polls `future` exactly once. Its output, if that was enough; the future can be polled on otherwise.
pub(crate) async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
