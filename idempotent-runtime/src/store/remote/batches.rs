//! Calls that go together. Calls that arrive while earlier ones are under way share the next trip
//! to the store.
//!
//! A lone call is sent at once, alone. Calls are sent by tasks of the store's own, so dropping a
//! call's future drops only the answer.

use std::{error::Error, fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::Instant,
};

use crate::store::StoreError;

/// Number of calls that may wait to be sent.
const WAITING: usize = 16 * 1024;
/// Time that a call may wait to be sent: its caller waits as long for the answer.
#[cfg(any(feature = "sqlite", feature = "redis"))]
const CALL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// Sends calls in batches, over a fixed number of lanes. Clones share the lanes. The lanes end with
/// the last clone.
pub(crate) struct Batches<Op, Answer> {
    store: &'static str,
    queue: mpsc::Sender<QueuedCall<Op, Answer>>,
}

/// A call, and the caller who waits for its answer. When the call is dropped its caller is told
/// that nobody knows its fate.
#[derive(Debug)]
pub(crate) struct QueuedCall<Op, Answer> {
    pub(crate) op: Op,
    /// Time at which the caller gives up.
    pub(crate) until: Instant,
    answer: oneshot::Sender<Result<Answer, StoreError>>,
}

impl<Op, Answer> QueuedCall<Op, Answer> {
    pub(crate) fn answer(self, answer: Result<Answer, StoreError>) {
        // The caller may be gone.
        let _ = self.answer.send(answer);
    }
}

impl<Op: Send + 'static, Answer: Send + 'static> Batches<Op, Answer> {
    /// Starts `lanes` lanes on the present runtime. Each gives at most `most` calls at a time to
    /// `send`, which answers each of them.
    pub(crate) fn start_each<F>(
        store: &'static str,
        lanes: usize,
        most: usize,
        send: impl Fn(Vec<QueuedCall<Op, Answer>>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(WAITING);
        let (waiting, send) = (Arc::new(Mutex::new(waiting)), Arc::new(send));
        for _ in 0..lanes {
            tokio::spawn(lane(store, most, Arc::clone(&waiting), Arc::clone(&send)));
        }
        Batches { store, queue }
    }

    /// The same for a `send` that gives all answers at once, in the order of the calls, or none.
    #[cfg(any(feature = "sqlite", feature = "redis"))]
    pub(crate) fn start<F>(
        store: &'static str,
        lanes: usize,
        most: usize,
        send: impl Fn(Vec<Op>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<Answer>, StoreError>> + Send + 'static,
    {
        Self::start_each(store, lanes, most, move |calls| answered(store, calls, &send))
    }

    /// The same for short trips, which take no longer than their callers take to go on. Callers
    /// that have been answered go first, so that their next calls share the next trip.
    #[cfg(feature = "redis")]
    pub(crate) fn start_in_turns<F>(
        store: &'static str,
        lanes: usize,
        most: usize,
        send: impl Fn(Vec<Op>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<Answer>, StoreError>> + Send + 'static,
    {
        Self::start_each(store, lanes, most, move |calls| {
            let answered = answered(store, calls, &send);
            async move {
                answered.await;
                tokio::task::yield_now().await;
            }
        })
    }

    /// The store's answer to `op`.
    ///
    /// # Errors
    /// The batch failed, or the call could not be sent in time. In the latter case nothing was
    /// done.
    #[cfg(any(feature = "sqlite", feature = "redis"))]
    pub(crate) async fn call(&self, op: Op) -> Result<Answer, StoreError> {
        self.call_until(op, Instant::now() + CALL_TIMEOUT).await
    }

    /// The same for a call that is not to be sent after `until`.
    pub(crate) async fn call_until(&self, op: Op, until: Instant) -> Result<Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(QueuedCall { op, until, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                StoreError::not_done(self.store, "too many calls wait to be sent")
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::not_done(self.store, ENDED),
        })?;
        answered.await.unwrap_or_else(|_| Err(StoreError::unavailable(self.store, UNANSWERED)))
    }
}

const ENDED: &str = "the runtime that the store was made on has ended";
const UNANSWERED: &str = "the store left the call without an answer";

type Waiting<Op, Answer> = Arc<Mutex<mpsc::Receiver<QueuedCall<Op, Answer>>>>;

async fn lane<Op, Answer, F>(
    store: &'static str,
    most: usize,
    waiting: Waiting<Op, Answer>,
    send: Arc<impl Fn(Vec<QueuedCall<Op, Answer>>) -> F>,
) where
    F: Future<Output = ()>,
{
    let mut calls = Vec::new();
    while waiting.lock().await.recv_many(&mut calls, most).await > 0 {
        let calls = in_time(store, std::mem::take(&mut calls));
        if calls.is_empty() {
            continue;
        }
        let sent = AssertUnwindSafe(async { send(calls).await }).catch_unwind().await;
        if sent.is_err() {
            tracing::error!(store, "sending calls panicked");
        }
    }
}

/// The calls whose callers still wait. The others' callers are told that nothing was done.
pub(crate) fn in_time<Op, Answer>(
    store: &'static str,
    calls: Vec<QueuedCall<Op, Answer>>,
) -> Vec<QueuedCall<Op, Answer>> {
    let now = Instant::now();
    let mut calls = calls;
    for late in calls.extract_if(.., |call| call.until <= now) {
        late.answer(Err(StoreError::not_done(store, "the call could not be sent in time")));
    }
    calls
}

/// Gives one error to all callers.
#[cfg(feature = "postgres")]
pub(crate) fn fail<Op, Answer>(calls: impl Iterator<Item = QueuedCall<Op, Answer>>, error: StoreError) {
    fail_all(calls.map(|call| call.answer), error);
}

type Caller<Answer> = oneshot::Sender<Result<Answer, StoreError>>;

fn fail_all<Answer>(callers: impl IntoIterator<Item = Caller<Answer>>, error: StoreError) {
    let error = Arc::new(error);
    for caller in callers {
        let _ = caller.send(Err(share(&error)));
    }
}

/// The error for one of the calls that failed with `error`. It says the same of what was done.
pub(crate) fn share(error: &Arc<StoreError>) -> StoreError {
    let shared = || Shared(Arc::clone(error));
    match **error {
        StoreError::Unavailable { store, .. } => StoreError::unavailable(store, shared()),
        StoreError::NotDone { store, .. } => StoreError::not_done(store, shared()),
        StoreError::Full { store, retry_after } => StoreError::Full { store, retry_after },
        StoreError::TooManyKeys { store, retry_after } => StoreError::TooManyKeys { store, retry_after },
        StoreError::Unreadable { store, .. } => StoreError::unreadable(store, shared()),
    }
}

/// Sends calls, and gives each its answer.
#[cfg(any(feature = "sqlite", feature = "redis"))]
fn answered<Op, Answer, F, S>(
    store: &'static str,
    calls: Vec<QueuedCall<Op, Answer>>,
    send: &S,
) -> impl Future<Output = ()> + use<Op, Answer, F, S>
where
    S: Fn(Vec<Op>) -> F,
    F: Future<Output = Result<Vec<Answer>, StoreError>>,
{
    let (ops, callers) = calls.into_iter().map(|call| (call.op, call.answer)).unzip();
    let sent = send(ops);
    async move { give(store, callers, sent.await) }
}

#[cfg(any(feature = "sqlite", feature = "redis"))]
fn give<Answer>(store: &'static str, callers: Vec<Caller<Answer>>, batch: Result<Vec<Answer>, StoreError>) {
    match batch {
        Ok(answers) if answers.len() == callers.len() => {
            for (caller, answer) in callers.into_iter().zip(answers) {
                let _ = caller.send(Ok(answer));
            }
        }
        Ok(_) => fail_all(callers, StoreError::unavailable(store, UNANSWERED)),
        Err(error) => fail_all(callers, error),
    }
}

/// One error that happened to many calls.
#[derive(Clone, Debug)]
struct Shared(Arc<StoreError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the batch failed: {}", self.0)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl<Op, Answer> Clone for Batches<Op, Answer> {
    fn clone(&self) -> Self {
        Batches { store: self.store, queue: self.queue.clone() }
    }
}

impl<Op, Answer> fmt::Debug for Batches<Op, Answer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("store", &self.store).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors that three calls get from a batch that failed with `error`.
    async fn told(error: StoreError) -> Vec<StoreError> {
        let (callers, answers): (Vec<_>, Vec<_>) =
            (0..3).map(|_| oneshot::channel::<Result<(), _>>()).unzip();
        fail_all(callers, error);
        let answers = answers.into_iter().map(async |answer| answer.await.unwrap().unwrap_err());
        futures_util::future::join_all(answers).await
    }

    #[tokio::test]
    async fn every_call_of_a_batch_is_told_whether_the_store_is_full_did_nothing_or_may_have_done_it() {
        for error in told(StoreError::full("some")).await {
            assert!(matches!(error, StoreError::Full { store: "some", .. }), "{error:?}");
        }
        for error in told(StoreError::not_done("some", "why")).await {
            assert!(matches!(error, StoreError::NotDone { store: "some", .. }), "{error:?}");
            assert!(error.source().is_some_and(|why| why.source().is_some()), "{error:?}");
        }
        for error in told(StoreError::unavailable("some", "why")).await {
            assert!(matches!(error, StoreError::Unavailable { store: "some", .. }), "{error:?}");
        }
    }
}
