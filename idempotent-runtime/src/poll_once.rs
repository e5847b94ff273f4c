//! Single polls, so that what is ready at once needs no task and no timer.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// Polls `future` exactly once. Its output, if that was enough; the future can be polled on
/// otherwise.
pub(crate) async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Is ready at the second poll, for which it asks at once.
pub(crate) async fn next_poll() {
    let mut polled = false;
    poll_fn(|context| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
