//! Work that runs under a claim: a handler that answers a request, for one.
//!
//! The engine moves records, and records are bytes. Only the work knows how its output is recorded:
//!
//! ```text
//!   a claim is won ─▶ run ─▶ a record and an output ─▶ the record is stored ─▶ the output
//!                      └───▶ an output alone ───────▶ the key is free again ─▶ the output
//!   a claim finds a record ─▶ read ─▶ the output
//! ```

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::job::Won;
use super::{
    detach::Panicked,
    pending::{ClaimOutcome, Pending},
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::transaction::TransactionFailure;
use crate::{
    attempt::Attempt,
    engine::{Engine, Idempotency, OnStoreError},
    observe::Outcome,
    policy::Replay,
    policy_ref::PolicyRef,
    reason::Reason,
    store::Record,
};

/// Work of one request.
pub(crate) trait Work: Sized {
    /// Result for the caller: a response, for one.
    type Output;

    /// Does what is pending. The work says whether that goes on where the caller is gone.
    fn finish(pending: Pending<Self>) -> impl Future<Output = Result<OutcomeOf<Self>, Panicked>>;

    /// Runs the work. `replay` says which outputs are recorded.
    fn run(
        self,
        policy: &PolicyRef,
        replay: Replay,
        engine: &Engine,
    ) -> impl Future<Output = Ran<Self::Output>> + use<Self>;

    /// Output that a record holds, or the reason why it holds none.
    fn read(record: &Record) -> Result<Self::Output, Reason>;

    /// Marks an output that a retry will not get.
    fn not_stored(output: Self::Output) -> Self::Output;

    /// Answer to a request for which the store fails at its claim.
    fn on_store_error(engine: &Engine) -> OnStoreError;

    /// True where the application decides about executions that died.
    fn is_reconciled(engine: &Engine) -> bool;

    /// Asks the application about the execution from which `attempt` has taken over. `None` where
    /// nothing was decided, which has been logged.
    fn decide(
        &self,
        attempt: &Attempt,
        app: &Idempotency,
    ) -> impl Future<Output = Option<Decision<Self::Output>>>;

    /// Runs the work in a transaction, as its policy says.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn run_in_transaction(won: Won<Self>) -> impl Future<Output = Result<Self::Output, Reason>>;
}

/// Work whose rows can commit with its record.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) trait WorkWithRows: Work {
    /// True for an output that keeps the rows of its transaction.
    fn keeps_rows(output: &Self::Output) -> bool;

    /// True where the caller of work that has failed is told that another try may succeed, instead
    /// of this output. `has_lost_database` says that the transaction could not be taken back.
    fn may_succeed_later(output: &Self::Output, has_lost_database: bool) -> bool;

    /// Output of work whose transaction was not committed, for this reason.
    fn failed(failure: TransactionFailure) -> Self::Output;

    /// True for an output that says what [`failed`](Self::failed) says.
    fn has_failed(output: &Self::Output) -> bool;
}

/// Work that has run.
pub(crate) struct Ran<T> {
    pub(crate) outcome: Outcome,
    pub(crate) fate: Fate<T>,
}

/// Fate of a key after its work has run, with the output for the caller.
pub(crate) enum Fate<T> {
    /// The record is stored.
    Recorded(Record, T),
    /// The key is free again.
    Released(T),
    /// The work was told that its claim is lost. Nothing of it is stored, and the execution that
    /// has the claim now may have answered.
    Lost(T),
}

impl<T> Fate<T> {
    /// The output alone.
    pub(crate) fn into_output(self) -> T {
        match self {
            Fate::Recorded(_, output) | Fate::Released(output) | Fate::Lost(output) => output,
        }
    }
}

/// Decision of the application about an execution that died.
pub(crate) enum Decision<T> {
    /// The work is run.
    Run,
    /// The outcome is not known, and never will be.
    Refuse,
    /// The execution had its effect, and this is its record.
    Answer(Record, T),
}

/// Result of asking for an answer to this work.
pub(crate) type OutcomeOf<W> = ClaimOutcome<W, <W as Work>::Output>;
