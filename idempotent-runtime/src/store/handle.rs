//! The one handle through which everything else speaks to a store, whichever store it is.
//!
//! A call is polled once by its caller. If it is not finished then, it goes on in a task of its
//! own. A statement that has been sent is executed by the server whether or not somebody waits for
//! it, so no call is ever dropped half-way. A caller waits for a bounded time. The number of calls
//! that nobody waits for any more is bounded too.
//!
//! A store that can answer a claim and a completion at once is asked for that first, and needs no
//! future: for the memory store that is most of what its users wait for.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, MemoryStore, Record, Renewal,
    Resolve, ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, Token,
    call::{Answer, CallError, PendingCall},
    circuit_breaker::CircuitBreaker,
    erased::{Call, ErasedStore},
    verbs::verbs,
};
use crate::{
    poll_once::poll_once,
    request::{Address, RequestFingerprint},
};

/// Handle to any store.
#[derive(Clone)]
pub(crate) struct StoreHandle {
    store: Arc<dyn ErasedStore>,
    timeout: Duration,
    breaker: CircuitBreaker,
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreHandle({})", self.store.name())
    }
}

/// Time for which a caller waits for a store's answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which an operator waits for a store's answer.
const OPERATOR_CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Words for an operator, logged when calls begin to be refused.
const SILENT: &str = "the store has answered none of its last thousand calls: until it answers one, it is sent one at a time, and all others are refused";

impl StoreHandle {
    pub(crate) fn new(store: impl Store) -> Self {
        StoreHandle { store: Arc::new(store), timeout: CALL_TIMEOUT, breaker: CircuitBreaker::default() }
    }

    /// The same handle for an operator, who can wait longer: the store may have to look through all
    /// its entries.
    pub(crate) fn for_operators(&self) -> Self {
        StoreHandle { timeout: OPERATOR_CALL_TIMEOUT, ..self.clone() }
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
        self.store.memory().and_then(|store| store.downcast_ref())
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
        let token = self.at_once(|| Some(self.store.token()));
        token.unwrap_or_else(|| Err(CallError::Failed(self.panicked())))
    }

    /// See [`Store::transactions`].
    pub(crate) fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.store.transactions()
    }

    /// The answer to a claim, where no waiting is needed to get one.
    pub(crate) fn claim_now(&self, request: &ClaimRequest) -> Option<Answer<Claim>> {
        self.at_once(|| self.store.claim_now(request))
    }

    /// The answer to a completion, where no waiting is needed to get one.
    pub(crate) fn complete_now(
        &self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Option<Answer<Completion>> {
        self.at_once(|| self.store.complete_now(hold, record, retention))
    }

    pub(crate) async fn changed(&self, address: Address) {
        Arc::clone(&self.store).changed(address).await;
    }

    fn panicked(&self) -> StoreError {
        StoreError::unavailable(self.store.name(), "the store panicked")
    }

    fn refused(&self) -> StoreError {
        StoreError::not_done(self.store.name(), "too many calls before have no answer yet")
    }

    /// Answer of a verb that needs no future. `None` where the store has none at once.
    fn at_once<T>(&self, verb: impl FnOnce() -> Option<Result<T, StoreError>>) -> Option<Answer<T>> {
        let answer = catch_unwind(AssertUnwindSafe(verb));
        answer.unwrap_or_else(|_| Some(Err(self.panicked()))).map(|answer| answer.map_err(CallError::Failed))
    }

    async fn call<T: Send + 'static>(&self, mut call: Call<T>) -> Answer<T> {
        let Some(_permit) = self.breaker.permit() else { return Err(CallError::Failed(self.refused())) };
        let mut first = AssertUnwindSafe(call.as_mut()).catch_unwind();
        if let Some(answer) = poll_once(Pin::new(&mut first)).await {
            self.breaker.answered();
            return answer.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed);
        }
        Box::pin(self.in_background(call)).await
    }

    async fn in_background<T: Send + 'static>(&self, call: Call<T>) -> Answer<T> {
        let mut task = tokio::spawn(call);
        let Ok(ended) = timeout(self.timeout, &mut task).await else {
            if self.breaker.left(task.abort_handle()) {
                tracing::error!(store = self.store.name(), "{SILENT}");
            }
            return Err(CallError::Pending(PendingCall { store: self.store.name(), task }));
        };
        self.breaker.answered();
        ended.unwrap_or_else(|_| Err(self.panicked())).map_err(CallError::Failed)
    }
}

macro_rules! call {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// Verbs of the [`Store`] of the same names.
        impl StoreHandle {
            $(pub(crate) fn $verb(&self, $($argument: $type),*) -> impl Future<Output = Answer<$answer>> {
                self.call(Arc::clone(&self.store).$verb($($argument),*))
            })*
        }
    };
}

verbs!(call);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{OnAbandoned, Origin};

    const TTL: Duration = Duration::from_secs(60);

    fn request() -> ClaimRequest {
        let hold = Hold {
            address: Address::from_bytes([1; 32]),
            token: Token::from_bytes([2; 16]),
            fingerprint: RequestFingerprint::from_bytes([3; 32]),
        };
        let origin = Origin::default();
        ClaimRequest { hold, lease: TTL, on_abandoned: OnAbandoned::Refuse, retention: TTL, origin }
    }

    fn answers_at_once(store: impl Store) {
        let (handle, request) = (StoreHandle::new(store), request());
        assert!(matches!(handle.claim_now(&request), Some(Ok(Claim::Won { attempt: 1 }))));
        let (record, retention) =
            (Record::from_bytes(&b"done"[..]), Retention { replay: TTL, remember: Duration::ZERO });
        let completion = handle.complete_now(&request.hold, &record, retention);
        assert!(matches!(completion, Some(Ok(Completion::Stored))));
        assert!(handle.in_memory().is_some());
    }

    #[test]
    fn a_memory_store_answers_at_once_also_where_it_is_shared() {
        let both = || {
            answers_at_once(MemoryStore::new());
            answers_at_once(Arc::new(MemoryStore::new()));
            answers_at_once(Arc::new(Arc::new(MemoryStore::new())));
        };
        shuttle::check_random(both, 1);
    }
}
