//! Work that goes on when the caller who waits for it is gone.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tracing::{Instrument, Span, instrument::Instrumented};

use super::panic_message::message;

//  in place ─ it is ready ──────────▶ done: the caller has its output
//           ─ it panics ────────────▶ done: dropped while it unwinds, and the caller is told
//           ─ the place is dropped ─▶ moved: a task polls it to its end, and drops its output
//                                     └ no task can be had ─▶ dropped: what it held is left
//                                                             as by a death
//
// While it is polled the place holds nothing, so a drop that a panic causes finds nothing to move.
// Between its last poll in place and its first in the task nobody would hear a waker: the task
// polls at once. A place is also dropped where a worker stops. Its runtime is gone then, or its
// tasks are over, and nothing can be spawned that lives.
/// Polls its work in place, so that everything around the place is around the work. When it is
/// dropped, it moves the unfinished work to a task of its own. The work is boxed, so that it can be
/// moved.
pub(crate) struct Detached<F: Future + Unpin + 'static> {
    work: Option<F>,
    /// Span in which the work was first polled, once the work has to wait.
    span: Option<Span>,
    spawn: fn(Instrumented<F>),
}

/// Runs `work` to its end on this worker, even if the caller is gone.
pub(crate) fn detached<F: Future + Unpin + 'static>(work: F) -> Detached<F> {
    Detached { work: Some(work), span: None, spawn: |work| drop(tokio::task::spawn_local(work)) }
}

/// The same as [`detached`], for work that can go on wherever there is a runtime.
pub(crate) fn carried<F>(work: F) -> Detached<F>
where
    F: Future<Output: Send> + Unpin + Send + 'static,
{
    Detached { work: Some(work), span: None, spawn: |work| drop(tokio::spawn(work)) }
}

impl<F: Future + Unpin> Future for Detached<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Whoever polls what is done waits in vain, as for any future.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(move || match Pin::new(&mut work).poll(context) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => Err(work),
        }));
        match polled {
            Ok(Ok(output)) => Poll::Ready(Ok(output)),
            Ok(Err(work)) => {
                self.span.get_or_insert_with(Span::current);
                self.work = Some(work);
                Poll::Pending
            }
            Err(panicked) => Poll::Ready(Err(Panicked(panicked))),
        }
    }
}

impl<F: Future + Unpin> Drop for Detached<F> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        if Handle::try_current().is_err() {
            return;
        }
        let work = work.instrument(self.span.take().unwrap_or_else(Span::current));
        let spawn = self.spawn;
        // Outside of a `LocalSet` there is no place for what stays on its thread, and no way to
        // ask.
        if catch_unwind(AssertUnwindSafe(|| spawn(work))).is_err() {
            tracing::error!("an execution was dropped outside of an actix runtime: it is left to its lease");
        }
    }
}

/// Panic of the work, which therefore has no output.
pub(crate) struct Panicked(Box<dyn Any + Send>);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it panicked: {}", message(&*self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use futures_util::{FutureExt, future::pending};
    use tokio::{
        sync::oneshot,
        task::{LocalSet, yield_now},
    };

    use super::*;

    /// Work that waits to be told to go on, and then says so.
    fn waiting() -> (Detached<impl Future<Output = ()>>, oneshot::Sender<()>, Rc<Cell<bool>>) {
        let (go_on, told) = oneshot::channel();
        let ended = Rc::new(Cell::new(false));
        let notes = Rc::clone(&ended);
        let work = async move {
            told.await.unwrap();
            notes.set(true);
        };
        (detached(Box::pin(work)), go_on, ended)
    }

    /// The same, polled once.
    fn begun() -> (Detached<impl Future<Output = ()>>, oneshot::Sender<()>, Rc<Cell<bool>>) {
        let (mut work, go_on, ended) = waiting();
        assert!((&mut work).now_or_never().is_none());
        (work, go_on, ended)
    }

    fn dropped_by_a_panic<T>(work: T) {
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _work = work;
            panic!("whoever waited");
        }));
        assert!(panicked.is_err());
    }

    #[tokio::test]
    async fn work_that_is_dropped_while_it_waits_goes_on_and_hears_who_wakes_it() {
        LocalSet::new()
            .run_until(async {
                let (work, go_on, ended) = begun();
                drop(work);
                yield_now().await;
                go_on.send(()).unwrap();
                yield_now().await;
                assert!(ended.get());
            })
            .await;
    }

    #[tokio::test]
    async fn work_that_is_dropped_before_it_is_polled_is_done_all_the_same() {
        LocalSet::new()
            .run_until(async {
                let (work, go_on, ended) = waiting();
                drop(work);
                go_on.send(()).unwrap();
                yield_now().await;
                assert!(ended.get());
            })
            .await;
    }

    #[tokio::test]
    async fn work_that_panics_tells_whoever_waits_and_is_not_polled_again() {
        LocalSet::new()
            .run_until(async {
                let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async { panic!("a mistake") });
                let mut work = detached(work);
                let panicked = (&mut work).await.err().unwrap();
                assert_eq!(panicked.to_string(), "it panicked: a mistake");
                drop(work);
                yield_now().await;
            })
            .await;
    }

    #[tokio::test]
    async fn work_that_is_dropped_by_a_panic_goes_on() {
        LocalSet::new()
            .run_until(async {
                let (work, go_on, ended) = begun();
                dropped_by_a_panic(work);
                go_on.send(()).unwrap();
                yield_now().await;
                assert!(ended.get());
            })
            .await;
    }

    #[tokio::test]
    async fn work_that_is_dropped_outside_of_a_local_set_ends_even_by_a_panic() {
        let (work, go_on, ended) = begun();
        dropped_by_a_panic(work);
        assert!(go_on.is_closed() && !ended.get());
    }

    #[test]
    fn work_that_is_dropped_without_a_runtime_ends() {
        let (work, go_on, ended) = begun();
        drop(work);
        assert!(go_on.is_closed() && !ended.get());
        drop(carried(Box::pin(pending::<()>())));
    }

    #[test]
    fn work_that_is_dropped_with_its_local_set_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let local = LocalSet::new();
        let (work, go_on, ended) = waiting();
        local.spawn_local(work);
        local.block_on(&runtime, yield_now());
        {
            let _entered = runtime.enter();
            drop(local);
        }
        assert!(go_on.is_closed() && !ended.get());
    }

    #[tokio::test]
    async fn what_is_carried_goes_on_outside_of_a_local_set() {
        let (go_on, told) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut work = carried(Box::pin(async move {
            told.await.unwrap();
            end.send("ended").unwrap();
        }));
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        go_on.send(()).unwrap();
        assert_eq!(ended.await, Ok("ended"));
    }
}
