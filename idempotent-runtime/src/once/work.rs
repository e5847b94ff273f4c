//! A step as the work of one call, and its value as what is recorded.

use std::{
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    result::{Once, OnceError, refused},
    step::{Called, Step},
};
use crate::{
    attempt::Attempt,
    context::OnceContext,
    engine::{Engine, Idempotency, OnStoreError},
    execution::{Decision, Fate, OutcomeOf, Panicked, Pending, Ran, Work, finish_in_place},
    observe::Outcome,
    policy::Replay,
    policy_ref::PolicyRef,
    reason::{Reason, RefusalCode},
    record::{self, Content, Raw},
    recovery::{Dead, Verdict, ask},
    store::Record,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::{
    execution::{Won, WorkWithRows, execute_in_transaction},
    transaction::{NotBegun, TransactionFailure},
};

/// A call of a step that has not run, with a value `T` and an error `E`.
pub(super) struct StepCall<T, E, S> {
    /// A lock that nobody waits for: with it a step that is only `Send` may be borrowed where it is
    /// kept.
    step: Mutex<S>,
    result: PhantomData<fn() -> (T, E)>,
}

impl<T, E, S> StepCall<T, E, S> {
    pub(super) fn new(step: S) -> Self {
        StepCall { step: Mutex::new(step), result: PhantomData }
    }
}

impl<T: Serialize + DeserializeOwned, E, S: Step<T, E>> Work for StepCall<T, E, S> {
    type Output = Result<Once<T>, OnceError<E>>;

    fn finish(pending: Pending<Self>) -> impl Future<Output = Result<OutcomeOf<Self>, Panicked>> {
        finish_in_place(pending)
    }

    fn run(
        self,
        _: &PolicyRef,
        _: Replay,
        engine: &Engine,
    ) -> impl Future<Output = Ran<Self::Output>> + use<T, E, S> {
        let limit = engine.settings.max_response_body;
        async move {
            // Whatever runs under a claim has a context.
            let Some(context) = OnceContext::of_running() else {
                let fate = Fate::Released(refused(RefusalCode::StoreUnavailable.into()));
                return Ran { outcome: Outcome::NeverBegan, fate };
            };
            let step = self.step.into_inner().unwrap_or_else(PoisonError::into_inner);
            match step.call(context).await {
                Called::Returned(Ok(value)) => recorded(value, limit),
                Called::Returned(Err(error)) => {
                    Ran { outcome: Outcome::Executed, fate: Fate::Released(Err(OnceError::Step(error))) }
                }
                #[cfg(any(feature = "sqlite", feature = "postgres"))]
                Called::NeverBegan(why) => {
                    Ran { outcome: Outcome::NeverBegan, fate: Fate::Released(without_transaction(why)) }
                }
            }
        }
    }

    fn read(record: &Record) -> Result<Self::Output, Reason> {
        match record::content(record) {
            Ok(Content::Value(Raw(json))) => {
                Ok(serde_json::from_slice(json).map(Once::Replayed).map_err(OnceError::Value))
            }
            Ok(Content::NotStored) => Err(RefusalCode::ResponseNotStored.into()),
            Ok(Content::Unknown | Content::Response(_)) => Err(RefusalCode::OutcomeUnknown.into()),
            Err(error) => {
                tracing::error!(%error, "a record cannot be read");
                Err(RefusalCode::OutcomeUnknown.into())
            }
        }
    }

    fn not_stored(result: Self::Output) -> Self::Output {
        result.map(|once| match once {
            Once::Ran(_) | Once::Replayed(_) => Once::NotStored,
            other => other,
        })
    }

    fn on_store_error(_: &Engine) -> OnStoreError {
        OnStoreError::Refuse
    }

    fn is_reconciled(engine: &Engine) -> bool {
        engine.settings.reconcile.is_some()
    }

    // The future that asks keeps nothing of the application's: it is `Send`, whatever theirs is.
    fn decide(
        &self,
        attempt: &Attempt,
        app: &Idempotency,
    ) -> impl Future<Output = Option<Decision<Self::Output>>> {
        let dead = Dead {
            address: attempt.hold.address,
            // Its own name, even where it is one of those that are not told apart.
            endpoint: attempt.policy.name().to_owned().into(),
            is_operation: true,
            attempt: attempt.number - 1,
            age: None,
        };
        let (app, address) = (app.clone(), attempt.hold.address);
        async move {
            Some(match ask(&app, dead).await? {
                Verdict::Rerun => Decision::Run,
                Verdict::Refuse => Decision::Refuse,
                Verdict::Record(record) => match Self::read(&record) {
                    Ok(Ok(output)) => Decision::Answer(record, Ok(output)),
                    Ok(Err(_)) | Err(_) => {
                        tracing::error!(%address, "`Resolution::Value` is no value of this operation's type: nothing was decided");
                        return None;
                    }
                },
            })
        }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn run_in_transaction(won: Won<Self>) -> impl Future<Output = Result<Self::Output, Reason>> {
        execute_in_transaction(won)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<T: Serialize + DeserializeOwned, E, S: Step<T, E>> WorkWithRows for StepCall<T, E, S> {
    // What is recorded of a step is that it has had its effect.
    fn keeps_rows(_: &Self::Output) -> bool {
        true
    }

    // The step's own error is for its caller, whatever has become of the database.
    fn may_succeed_later(result: &Self::Output, _: bool) -> bool {
        matches!(result, Err(OnceError::Unavailable { .. }))
    }

    fn failed(failure: TransactionFailure) -> Self::Output {
        Err(OnceError::Transaction(failure))
    }

    fn has_failed(result: &Self::Output) -> bool {
        result.is_err()
    }
}

/// Record of a value. The effect stands, so there is a record where there is none of the value too.
fn recorded<T: Serialize, E>(value: T, limit: usize) -> Ran<Result<Once<T>, OnceError<E>>> {
    let without =
        |result| Ran { outcome: Outcome::NotStored, fate: Fate::Recorded(record::of_nothing(), result) };
    match serde_json::to_vec(&value) {
        Ok(json) if json.len() > limit => without(Ok(Once::NotStored)),
        Ok(json) => Ran {
            outcome: Outcome::Executed,
            fate: Fate::Recorded(record::of_value(&json), Ok(Once::Ran(value))),
        },
        Err(error) => without(Err(OnceError::Value(error))),
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn without_transaction<T, E>(why: NotBegun) -> Result<Once<T>, OnceError<E>> {
    tracing::error!(error = %why, "a step has no transaction");
    match why {
        NotBegun::Mistake(_) => Err(OnceError::Transaction(TransactionFailure::NotOffered)),
        NotBegun::Database(error) if error.may_be_tried_again() => {
            refused(RefusalCode::StoreUnavailable.into())
        }
        NotBegun::Database(error) => Err(OnceError::Transaction(TransactionFailure::Refused(error))),
    }
}
