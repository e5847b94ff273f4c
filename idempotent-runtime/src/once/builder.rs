//! One call of `once`: its terms, and how it is run.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument;

use super::{
    result::{Once, OnceError, refused},
    step::{Alone, Step},
    work::StepCall,
};
use crate::{
    context::OnceContext,
    engine::Idempotency,
    execution::{Job, Work, answer},
    observe::{EventGuard, Subject, warnings},
    policy::{Abandoned, Policy, Scope},
    policy_ref::{Operation, PolicyRef},
    reason::RefusalCode,
    request::{self, CallerId, Endpoint, Identity, Principal, RequestFingerprint, fingerprint::of_operation},
    store::Origin,
};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::step::InTransaction;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::{
    observe::Outcome,
    transaction::{IdempotentTx, TransactionFailure, TransactionalDatabase},
};

/// One call of [`once`](Idempotency::once): its terms have defaults, and [`run`](Self::run),
/// [`spawn`](Self::spawn) or `run_in` makes the call.
#[derive(Debug)]
#[must_use = "nothing runs before `run`, `spawn` or `run_in`"]
pub struct OnceBuilder {
    app: Idempotency,
    operation: Box<[u8]>,
    key: Key,
    principal: Principal,
    ttl: Option<Duration>,
    wait: Option<Duration>,
    abandoned: Option<Abandoned>,
    fingerprint: RequestFingerprint,
}

/// Bytes of the key, which are not shown.
struct Key(Box<[u8]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

impl OnceBuilder {
    pub(super) fn new(app: Idempotency, operation: &[u8], key: &[u8]) -> Self {
        OnceBuilder {
            app,
            operation: operation.into(),
            key: Key(key.into()),
            principal: Principal::anonymous(),
            ttl: None,
            wait: None,
            abandoned: None,
            fingerprint: of_operation(None),
        }
    }

    /// Caller on whose behalf the step runs: two principals with the same key have two entries.
    /// Default: anonymous.
    pub fn principal(self, principal: Principal) -> Self {
        OnceBuilder { principal, ..self }
    }

    /// Time for which the value is replayed, counted from completion. Default: the
    /// [application's](crate::IdempotencyBuilder::ttl), which is 24 hours unless it is set.
    pub fn ttl(self, ttl: Duration) -> Self {
        OnceBuilder { ttl: Some(ttl), ..self }
    }

    /// Longest time to wait for the same step where it runs already; with zero the result is
    /// [`Once::InProgress`] at once. Default: the [application's](crate::IdempotencyBuilder::wait),
    /// which is 10 seconds, or half the ttl if that is less. A wait that is not shorter than the
    /// ttl is cut to half of it.
    pub fn wait(self, wait: Duration) -> Self {
        OnceBuilder { wait: Some(wait), ..self }
    }

    /// Answer to the next call where the process of an earlier one died in the step. Default: the
    /// [application's](crate::IdempotencyBuilder::abandoned), which is [`Abandoned::Refuse`] unless
    /// it is set.
    pub fn abandoned(self, abandoned: Abandoned) -> Self {
        OnceBuilder { abandoned: Some(abandoned), ..self }
    }

    /// Bytes that the key stands for, such as the body of the message. The same key with other
    /// bytes is [`Once::Reused`]. Default: the key alone counts.
    pub fn fingerprint(self, input: impl AsRef<[u8]>) -> Self {
        OnceBuilder { fingerprint: of_operation(Some(input.as_ref())), ..self }
    }

    /// Runs `step` if it is the first of its key, and returns the recorded value if it is not.
    ///
    /// The `Ok` value is recorded as JSON, up to
    /// [`max_response_body`](crate::IdempotencyBuilder::max_response_body) bytes. An `Err` frees
    /// the key.
    ///
    /// The step is polled in place and may borrow. If this future is dropped half-way, or the step
    /// panics, the outcome is left to the lease, as if the process had died: after it the result is
    /// [`Once::OutcomeUnknown`], or a new attempt if [`abandoned`](Self::abandoned) says so.
    /// [`spawn`](Self::spawn) runs on.
    ///
    /// Any tokio runtime does, with its timer enabled. The future is `Send` if the step is.
    ///
    /// # Errors
    /// The step's own, a key that is none, a value that is not JSON, and a store that does not
    /// answer: see [`OnceError`].
    pub async fn run<T, E, F, Fut>(self, step: F) -> Result<Once<T>, OnceError<E>>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(OnceContext) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let policy = self.policy(false);
        self.call(policy, Alone(step)).await
    }

    /// The same as [`run`](Self::run), with a transaction for the step, in which its rows and its
    /// value commit together: an inbox. After a crash at any point either both are there or neither
    /// is.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")] mod with_postgres {
    /// use idempotent_runtime::{Idempotency, IdempotentTx, Once, OnceError};
    /// use sqlx::Postgres;
    ///
    /// async fn settle(
    ///     idempotency: &Idempotency,
    ///     id: &str,
    ///     cents: i64,
    /// ) -> Result<Once<()>, OnceError<sqlx::Error>> {
    ///     let call = idempotency.once("settle", id);
    ///     call.run_in(async |_, mut tx: IdempotentTx<Postgres>| {
    ///         let insert = sqlx::query("INSERT INTO payments (cents) VALUES ($1)").bind(cents);
    ///         insert.execute(&mut *tx).await.map(|_| ())
    ///     })
    ///     .await
    /// }
    /// # }
    /// ```
    ///
    /// The database is that of the step's argument: the store has to be a `PostgresStore` or a
    /// `SqliteStore` in it, made with the application's pool. All that [`IdempotentTx`] says of a
    /// handler holds for the step, with these ends:
    ///
    /// | the step | its rows | the key |
    /// | --- | --- | --- |
    /// | returns `Ok` | kept | its value is recorded, in the same commit |
    /// | returns `Err`, panics, or is dropped half-way | taken back | free |
    /// | commits the transaction itself, however it ends then | kept | its outcome is unknown |
    /// | dies with its process or database | taken back | free when the claim's lease is over |
    ///
    /// Nothing is left of an execution that died, so it is always run again, whatever
    /// [`abandoned`](Self::abandoned) says. An execution that has lost its claim keeps nothing: its
    /// result is the winner's value, or [`Once::InProgress`].
    ///
    /// # Errors
    /// The same as [`run`](Self::run). [`OnceError::Unavailable`] also where the transaction met
    /// with a conflict or lost its database. [`OnceError::Transaction`] where the store has no such
    /// transactions, or the step has ended its transaction itself.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub async fn run_in<DB, T, E, F, Fut>(self, step: F) -> Result<Once<T>, OnceError<E>>
    where
        DB: TransactionalDatabase,
        T: Serialize + DeserializeOwned,
        F: FnOnce(OnceContext, IdempotentTx<DB>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let policy = self.policy(true);
        self.call(policy, InTransaction::new(step)).await
    }

    /// The same as [`run`](Self::run), in a task of its own, which begins at once and runs to its
    /// end whoever drops the returned future. A step that panics is [`Once::OutcomeUnknown`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Errors
    /// The same as [`run`](Self::run). [`OnceError::Unavailable`] where the runtime ends first.
    pub fn spawn<T, E, F, Fut>(
        self,
        step: F,
    ) -> impl Future<Output = Result<Once<T>, OnceError<E>>> + Send + 'static
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        F: FnOnce(OnceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let task = tokio::spawn(self.run(step).in_current_span());
        async {
            match task.await {
                Ok(result) => result,
                Err(error) if error.is_panic() => Ok(Once::OutcomeUnknown),
                Err(_) => refused(RefusalCode::ShuttingDown.into()),
            }
        }
    }

    async fn call<T: Serialize + DeserializeOwned, E>(
        self,
        policy: PolicyRef,
        step: impl Step<T, E>,
    ) -> Result<Once<T>, OnceError<E>> {
        let settings = &self.app.0.settings;
        let event =
            EventGuard::open(settings.listener.as_ref(), &policy, || Subject { method: None, route: None });
        let span = event.span();
        self.answered(policy, step, event).instrument(span).await
    }

    async fn answered<T: Serialize + DeserializeOwned, E, S: Step<T, E>>(
        self,
        policy: PolicyRef,
        step: S,
        mut event: EventGuard,
    ) -> Result<Once<T>, OnceError<E>> {
        if !request::may_be_an_operation(&self.operation, &self.key.0) {
            event.refused(RefusalCode::KeyInvalid);
            return Err(OnceError::Key);
        }
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        if !S::is_offered(&self.app.0.store) {
            event.ends(Outcome::Rejected);
            return Err(not_offered(&policy));
        }
        let identity = self.identity();
        let address = identity.address;
        event.is_at(address);
        let name = policy.clone();
        let answer = match self.app.0.store.recall(address, identity.fingerprint) {
            Some(record) => {
                let answer = StepCall::<T, E, S>::read(&record);
                event.answered(&answer);
                answer
            }
            None => {
                let operation = Endpoint::of_operation(&self.app.0.settings.namespace, &self.operation);
                let caller = CallerId::of_principal(&self.principal);
                let origin = Origin::new(operation, caller).in_transaction(policy.transaction);
                let (app, work) = (self.app, StepCall::new(step));
                answer(Job { policy, app, key: None, identity, origin, event, work }).await
            }
        };
        answer.unwrap_or_else(|reason| {
            warnings::refused(name.name(), || name.name(), address, reason.code);
            refused(reason)
        })
    }

    fn identity(&self) -> Identity {
        let namespace = &self.app.0.settings.namespace;
        let address = request::operation_address(namespace, &self.operation, &self.principal, &self.key.0);
        Identity { address, fingerprint: self.fingerprint }
    }

    fn policy(&self, transaction: bool) -> PolicyRef {
        let name = String::from_utf8_lossy(&self.operation).into_owned();
        let policy = Policy {
            handler: "once",
            scope: Scope::Global,
            ttl: self.ttl,
            wait: self.wait,
            abandoned: self.abandoned,
            transaction,
            ..Policy::PLAIN
        };
        PolicyRef::Operation(Arc::new(Operation { name, policy }))
    }
}

/// Refuses to run a step that relies on what the store cannot do.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn not_offered<E>(policy: &PolicyRef) -> OnceError<E> {
    tracing::error!(
        operation = policy.name(),
        "`run_in` needs a store with transactions of its step's database: a PostgresStore, or a SqliteStore that was made \
         with the application's pool"
    );
    OnceError::Transaction(TransactionFailure::NotOffered)
}
