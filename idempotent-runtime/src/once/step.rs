//! Steps, by what they are lent.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use std::marker::PhantomData;

use crate::context::OnceContext;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::{
    store::StoreHandle,
    transaction::{IdempotentTx, NotBegun, TransactionalDatabase, lends},
};

/// A step that has not run.
pub(super) trait Step<T, E> {
    /// True where the store has what the step asks for.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn is_offered(store: &StoreHandle) -> bool;

    /// Runs the step.
    fn call(self, context: OnceContext) -> impl Future<Output = Called<T, E>>;
}

/// Result of calling a step.
pub(super) enum Called<T, E> {
    /// It ran.
    Returned(Result<T, E>),
    /// It did not run, because a transaction was not to be had.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    NeverBegan(NotBegun),
}

/// A step that is lent nothing but its context.
pub(super) struct Alone<F>(pub(super) F);

impl<T, E, F, Fut> Step<T, E> for Alone<F>
where
    F: FnOnce(OnceContext) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn is_offered(_: &StoreHandle) -> bool {
        true
    }

    async fn call(self, context: OnceContext) -> Called<T, E> {
        Called::Returned(self.0(context).await)
    }
}

/// A step that is lent a transaction of this database too.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) struct InTransaction<DB, F> {
    step: F,
    database: PhantomData<fn(DB)>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<DB, F> InTransaction<DB, F> {
    pub(super) fn new(step: F) -> Self {
        InTransaction { step, database: PhantomData }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<DB, T, E, F, Fut> Step<T, E> for InTransaction<DB, F>
where
    DB: TransactionalDatabase,
    F: FnOnce(OnceContext, IdempotentTx<DB>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    fn is_offered(store: &StoreHandle) -> bool {
        lends::<DB>(store)
    }

    async fn call(self, context: OnceContext) -> Called<T, E> {
        match IdempotentTx::begin().await {
            Ok(tx) => Called::Returned((self.step)(context, tx).await),
            Err(why) => Called::NeverBegan(why),
        }
    }
}
