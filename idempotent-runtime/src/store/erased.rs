//! The one handle through which everything else speaks to a store, whichever it is.
//!
//! A call is polled once where it stands. If it is not finished then, it goes on in a task of its own: a statement that
//! has been sent is executed by the server whether or not somebody waits for it, so no call is ever dropped half-way.
//! Whoever waits, waits for a bounded time.

use std::{fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{task::JoinHandle, time::timeout};

use super::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention, Store, StoreError};
use crate::{poll_once::poll_once, request::Address};

type Call<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// What a caller gets in bounded time.
type Answer<T> = Result<T, CallError<T>>;

trait ErasedStore: Send + Sync {
    fn name(&self) -> &'static str;
    fn claim(self: Arc<Self>, request: ClaimRequest) -> Call<Claim>;
    fn renew(self: Arc<Self>, hold: Hold, lease: Duration) -> Call<Renewal>;
    fn complete(self: Arc<Self>, hold: Hold, record: Record, retention: Retention) -> Call<Completion>;
    fn release(self: Arc<Self>, hold: Hold) -> Call<()>;
    fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<S: Store> ErasedStore for S {
    fn name(&self) -> &'static str {
        Store::name(self)
    }

    fn claim(self: Arc<Self>, request: ClaimRequest) -> Call<Claim> {
        Box::pin(async move { Store::claim(&*self, request).await })
    }

    fn renew(self: Arc<Self>, hold: Hold, lease: Duration) -> Call<Renewal> {
        Box::pin(async move { Store::renew(&*self, hold, lease).await })
    }

    fn complete(self: Arc<Self>, hold: Hold, record: Record, retention: Retention) -> Call<Completion> {
        Box::pin(async move { Store::complete(&*self, hold, record, retention).await })
    }

    fn release(self: Arc<Self>, hold: Hold) -> Call<()> {
        Box::pin(async move { Store::release(&*self, hold).await })
    }

    fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { Store::changed(&*self, address).await })
    }
}

/// Any store.
#[derive(Clone)]
pub(crate) struct StoreHandle {
    store: Arc<dyn ErasedStore>,
    timeout: Duration,
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreHandle({})", self.store.name())
    }
}

/// How long a caller waits for a store's answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

impl StoreHandle {
    pub(crate) fn new(store: impl Store) -> Self {
        StoreHandle { store: Arc::new(store), timeout: CALL_TIMEOUT }
    }

    /// Never waits so long for an answer that a lease of this length could not be renewed in time.
    pub(crate) fn for_lease(mut self, lease: Duration) -> Self {
        self.timeout = self.timeout.min(lease / 6);
        self
    }

    pub(crate) fn claim(&self, request: ClaimRequest) -> impl Future<Output = Answer<Claim>> {
        self.call(Arc::clone(&self.store).claim(request))
    }

    pub(crate) fn renew(&self, hold: Hold, lease: Duration) -> impl Future<Output = Answer<Renewal>> {
        self.call(Arc::clone(&self.store).renew(hold, lease))
    }

    pub(crate) fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> impl Future<Output = Answer<Completion>> {
        self.call(Arc::clone(&self.store).complete(hold, record, retention))
    }

    pub(crate) fn release(&self, hold: Hold) -> impl Future<Output = Answer<()>> {
        self.call(Arc::clone(&self.store).release(hold))
    }

    pub(crate) async fn changed(&self, address: Address) {
        Arc::clone(&self.store).changed(address).await;
    }

    fn panicked(&self) -> StoreError {
        StoreError::unavailable(self.store.name(), "the store panicked")
    }

    async fn call<T: Send + 'static>(&self, mut call: Call<T>) -> Answer<T> {
        let mut first = AssertUnwindSafe(call.as_mut()).catch_unwind();
        if let Some(answer) = poll_once(Pin::new(&mut first)).await {
            return answer.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed);
        }
        Box::pin(self.in_background(call)).await
    }

    async fn in_background<T: Send + 'static>(&self, call: Call<T>) -> Answer<T> {
        let mut task = tokio::spawn(call);
        match timeout(self.timeout, &mut task).await {
            Ok(Ok(answer)) => answer.map_err(CallError::Failed),
            Ok(Err(_)) => Err(CallError::Failed(self.panicked())),
            Err(_) => Err(CallError::Pending(PendingCall { store: self.store.name(), task })),
        }
    }
}

/// Why a call brought no answer.
#[derive(Debug)]
pub(crate) enum CallError<T> {
    /// The store says that it could not.
    Failed(StoreError),
    /// The store has not answered in time; the call goes on.
    Pending(PendingCall<T>),
}

impl<T> CallError<T> {
    /// Whether the store says that it did nothing, for want of room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, CallError::Failed(StoreError::Full { .. }))
    }
}

impl<T> fmt::Display for CallError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Failed(error) => {
                write!(f, "{error}")?;
                let mut source = std::error::Error::source(error);
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            CallError::Pending(call) => write!(f, "the {} store did not answer in time", call.store),
        }
    }
}

/// A call whose answer nobody waited for.
#[derive(Debug)]
pub(crate) struct PendingCall<T> {
    store: &'static str,
    task: JoinHandle<Result<T, StoreError>>,
}

impl<T> PendingCall<T> {
    /// Waits until the call has ended one way or another: until then, what it asks for may still be done.
    pub(crate) async fn settled(self) {
        let _ = self.task.await;
    }
}
