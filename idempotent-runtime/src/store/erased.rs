//! The one handle through which everything else speaks to a store, whichever store it is.
//!
//! A call is polled once by its caller. If it is not finished then, it goes on in a task of its
//! own. A statement that has been sent is executed by the server whether or not somebody waits for
//! it, so no call is ever dropped half-way. A caller waits for a bounded time. The number of calls
//! that nobody waits for any more is bounded too.
//!
//! The memory store is asked to claim and to complete without a future: that is most of what its
//! users wait for.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{task::JoinHandle, time::timeout};

use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, MemoryStore, Record, Renewal,
    Resolve, ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, Token,
    unanswered::Unanswered,
};
use crate::{
    poll_once::poll_once,
    request::{Address, RequestFingerprint},
};

type Call<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A store's answer, or the reason why there is none in time.
type Answer<T> = Result<T, CallError<T>>;

trait ErasedStore: Send + Sync {
    fn name(&self) -> &'static str;
    /// The memory store, whose verbs need no future.
    fn in_memory(&self) -> Option<&MemoryStore>;
    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record>;
    fn token(&self) -> Result<Token, StoreError>;
    fn transactions(&self) -> Option<&(dyn Any + Send + Sync)>;
    fn claim(self: Arc<Self>, request: ClaimRequest) -> Call<Claim>;
    fn claim_for_transaction(self: Arc<Self>, request: ClaimRequest) -> Call<Claim>;
    fn renew(self: Arc<Self>, hold: Hold, lease: Duration) -> Call<Renewal>;
    fn complete(self: Arc<Self>, hold: Hold, record: Record, retention: Retention) -> Call<Completion>;
    fn release(self: Arc<Self>, hold: Hold) -> Call<()>;
    fn resolve(self: Arc<Self>, request: ResolveRequest) -> Call<Resolve>;
    fn inspect(self: Arc<Self>, address: Address) -> Call<Option<Inspection>>;
    fn forget(self: Arc<Self>, request: ForgetRequest) -> Call<Forget>;
    fn stuck(self: Arc<Self>, request: StuckRequest) -> Call<Stuck>;
    fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<S: Store> ErasedStore for S {
    fn name(&self) -> &'static str {
        Store::name(self)
    }

    fn in_memory(&self) -> Option<&MemoryStore> {
        (self as &dyn Any).downcast_ref()
    }

    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        Store::recall(self, address, fingerprint)
    }

    fn token(&self) -> Result<Token, StoreError> {
        Store::token(self)
    }

    fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
        Store::transactions(self)
    }

    fn claim(self: Arc<Self>, request: ClaimRequest) -> Call<Claim> {
        Box::pin(async move { Store::claim(&*self, request).await })
    }

    fn claim_for_transaction(self: Arc<Self>, request: ClaimRequest) -> Call<Claim> {
        Box::pin(async move { Store::claim_for_transaction(&*self, request).await })
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

    fn resolve(self: Arc<Self>, request: ResolveRequest) -> Call<Resolve> {
        Box::pin(async move { Store::resolve(&*self, request).await })
    }

    fn inspect(self: Arc<Self>, address: Address) -> Call<Option<Inspection>> {
        Box::pin(async move { Store::inspect(&*self, address).await })
    }

    fn forget(self: Arc<Self>, request: ForgetRequest) -> Call<Forget> {
        Box::pin(async move { Store::forget(&*self, request).await })
    }

    fn stuck(self: Arc<Self>, request: StuckRequest) -> Call<Stuck> {
        Box::pin(async move { Store::stuck(&*self, request).await })
    }

    fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { Store::changed(&*self, address).await })
    }
}

/// Handle to any store.
#[derive(Clone)]
pub(crate) struct StoreHandle {
    store: Arc<dyn ErasedStore>,
    timeout: Duration,
    unanswered: Unanswered,
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreHandle({})", self.store.name())
    }
}

/// Time for which a caller waits for a store's answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which an operator waits.
const PATIENT: Duration = Duration::from_secs(30);
/// Words for an operator, logged when calls begin to be refused.
const SILENT: &str = "the store has answered none of its last thousand calls: until it answers one, it is sent one at a time, and all others are refused";

impl StoreHandle {
    pub(crate) fn new(store: impl Store) -> Self {
        StoreHandle { store: Arc::new(store), timeout: CALL_TIMEOUT, unanswered: Unanswered::default() }
    }

    /// The same handle for an operator, who can wait longer: the store may have to look through all
    /// its entries.
    pub(crate) fn patiently(&self) -> Self {
        StoreHandle { timeout: PATIENT, ..self.clone() }
    }

    /// Shortens the timeout to a sixth of a lease of this length. After a call without an answer
    /// the lease can still be renewed in time.
    pub(crate) fn for_lease(mut self, lease: Duration) -> Self {
        self.timeout = self.timeout.min(lease / 6);
        self
    }

    /// Time for which a caller waits for an answer.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.timeout
    }

    /// See [`Store::name`].
    pub(crate) fn name(&self) -> &'static str {
        self.store.name()
    }

    /// The memory store, if this handle is to one.
    pub(crate) fn in_memory(&self) -> Option<&MemoryStore> {
        self.store.in_memory()
    }

    /// See [`Store::recall`]. If the store panics, nothing is recalled, and the claim decides.
    pub(crate) fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        let recalled = catch_unwind(AssertUnwindSafe(|| self.store.recall(address, fingerprint)));
        recalled.unwrap_or_else(|_| {
            tracing::error!(store = self.store.name(), "the store panicked when it was to recall a response");
            None
        })
    }

    /// See [`Store::token`].
    pub(crate) fn token(&self) -> Answer<Token> {
        self.at_once(|| self.store.token())
    }

    /// See [`Store::transactions`].
    pub(crate) fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.store.transactions()
    }

    /// The answer to a claim, where no waiting is needed to get one.
    pub(crate) fn claim_now(&self, request: &ClaimRequest) -> Option<Answer<Claim>> {
        self.store.in_memory().map(|store| self.at_once(|| store.claim_now(request)))
    }

    pub(crate) fn claim(&self, request: &ClaimRequest) -> impl Future<Output = Answer<Claim>> {
        self.call(Arc::clone(&self.store).claim(*request))
    }

    /// See [`Store::claim_for_transaction`].
    pub(crate) fn claim_for_transaction(
        &self,
        request: &ClaimRequest,
    ) -> impl Future<Output = Answer<Claim>> {
        self.call(Arc::clone(&self.store).claim_for_transaction(*request))
    }

    pub(crate) fn renew(&self, hold: Hold, lease: Duration) -> impl Future<Output = Answer<Renewal>> {
        self.call(Arc::clone(&self.store).renew(hold, lease))
    }

    /// The answer to a completion, where no waiting is needed to get one.
    pub(crate) fn complete_now(
        &self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Option<Answer<Completion>> {
        let store = self.store.in_memory()?;
        Some(self.at_once(|| Ok(store.complete_now(hold, record, retention))))
    }

    pub(crate) fn complete(
        &self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> impl Future<Output = Answer<Completion>> {
        self.call(Arc::clone(&self.store).complete(*hold, record.clone(), retention))
    }

    pub(crate) fn release(&self, hold: Hold) -> impl Future<Output = Answer<()>> {
        self.call(Arc::clone(&self.store).release(hold))
    }

    pub(crate) fn resolve(&self, request: &ResolveRequest) -> impl Future<Output = Answer<Resolve>> {
        self.call(Arc::clone(&self.store).resolve(request.clone()))
    }

    pub(crate) fn inspect(&self, address: Address) -> impl Future<Output = Answer<Option<Inspection>>> {
        self.call(Arc::clone(&self.store).inspect(address))
    }

    pub(crate) fn forget(&self, request: ForgetRequest) -> impl Future<Output = Answer<Forget>> {
        self.call(Arc::clone(&self.store).forget(request))
    }

    pub(crate) fn stuck(&self, request: StuckRequest) -> impl Future<Output = Answer<Stuck>> {
        self.call(Arc::clone(&self.store).stuck(request))
    }

    pub(crate) async fn changed(&self, address: Address) {
        Arc::clone(&self.store).changed(address).await;
    }

    fn panicked(&self) -> StoreError {
        StoreError::unavailable(self.store.name(), "the store panicked")
    }

    fn refused(&self) -> StoreError {
        StoreError::undone(self.store.name(), "too many calls before have no answer yet")
    }

    fn at_once<T>(&self, verb: impl FnOnce() -> Result<T, StoreError>) -> Answer<T> {
        let answer = catch_unwind(AssertUnwindSafe(verb));
        answer.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed)
    }

    async fn call<T: Send + 'static>(&self, mut call: Call<T>) -> Answer<T> {
        let Some(_leave) = self.unanswered.leave() else { return Err(CallError::Failed(self.refused())) };
        let mut first = AssertUnwindSafe(call.as_mut()).catch_unwind();
        if let Some(answer) = poll_once(Pin::new(&mut first)).await {
            self.unanswered.answered();
            return answer.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed);
        }
        Box::pin(self.in_background(call)).await
    }

    async fn in_background<T: Send + 'static>(&self, call: Call<T>) -> Answer<T> {
        let mut task = tokio::spawn(call);
        let Ok(ended) = timeout(self.timeout, &mut task).await else {
            if self.unanswered.left(task.abort_handle()) {
                tracing::error!(store = self.store.name(), "{SILENT}");
            }
            return Err(CallError::Pending(PendingCall { store: self.store.name(), task }));
        };
        self.unanswered.answered();
        ended.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed)
    }
}

/// Reason why a call brought no answer.
#[derive(Debug)]
pub(crate) enum CallError<T> {
    /// The store says that it could not.
    Failed(StoreError),
    /// The store has not answered in time; the call goes on.
    Pending(PendingCall<T>),
}

impl<T> CallError<T> {
    /// True where the store says that it did nothing, for want of room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, CallError::Failed(StoreError::Full { .. } | StoreError::TooManyKeys { .. }))
    }

    /// True where there is an entry that the store cannot read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, CallError::Failed(StoreError::Unreadable { .. }))
    }

    /// True where the store says that it did nothing.
    pub(crate) fn did_nothing(&self) -> bool {
        matches!(self, CallError::Failed(error) if error.did_nothing())
    }
}

impl<T> CallError<T> {
    /// The same error for a caller that does not wait for the call's end.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            CallError::Failed(error) => error,
            CallError::Pending(call) => StoreError::unavailable(call.store, "it did not answer in time"),
        }
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
    /// Waits until the call has ended one way or another. Until then it may still be done. Gives
    /// the answer, if there is one.
    pub(crate) async fn settled(self) -> Option<T> {
        self.task.await.ok()?.ok()
    }
}
