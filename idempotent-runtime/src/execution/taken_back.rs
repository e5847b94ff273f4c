//! Ends of executions whose transaction is taken back, or can't be any more.

use tokio::runtime::Handle;
use tracing::Instrument;

use super::{claimed::Claimed, detach::carried, unknown_outcome::complete_as_unknown};
use crate::{
    observe::Outcome,
    store::{Completion, Record, transactional::TransactionState},
    transaction::{AtClose, End, Open, TransactionError},
};

/// A claim whose transaction has been taken back. Dropped, because nobody waits for it any more, it
/// ends the execution in the background by what the transaction had come to.
pub(super) struct TakenBack {
    claimed: Option<Claimed>,
    end: Option<Result<End, TransactionError>>,
}

impl TakenBack {
    /// Takes back what the work has done. That goes on to its end, whoever waits for it.
    pub(super) async fn of(
        claimed: Claimed,
        left: AtClose,
    ) -> Option<(Claimed, Result<End, TransactionError>)> {
        let taking = async move { TakenBack { claimed: Some(claimed), end: Some(take_back(left).await) } };
        let mut taken = carried(Box::pin(taking)).await.ok()?;
        taken.claimed.take().zip(taken.end.take())
    }
}

impl Drop for TakenBack {
    fn drop(&mut self) {
        if let Some((claimed, end)) = self.claimed.take().zip(self.end.take()) {
            in_background(ended(claimed, end));
        }
    }
}

/// A claim whose record is being written in its work's transaction. Dropped, it takes the
/// transaction back, and what has become of that decides about the key.
pub(super) struct Writing(Option<(Claimed, Box<dyn Open>)>);

/// A record that the transaction has, or has not, with what it belongs to.
pub(super) type Written = (Claimed, Box<dyn Open>, Result<Option<Completion>, TransactionError>);

impl Writing {
    pub(super) fn new(claimed: Claimed, open: Box<dyn Open>) -> Self {
        Writing(Some((claimed, open)))
    }

    /// Writes `record`, where the claim stands.
    pub(super) async fn write(mut self, record: &Record) -> Option<Written> {
        let (claimed, open) = self.0.as_mut()?;
        let written = open.write(&claimed.hold, record, claimed.retention).await;
        let (claimed, open) = self.0.take()?;
        Some((claimed, open, written))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some((claimed, open)) = self.0.take() {
            end_unfinished(claimed, AtClose::Returned(open));
        }
    }
}

/// Ends an execution that nobody waits for. A runtime that ends has no time for it: the key is left
/// to its lease then.
fn in_background(end: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(end.in_current_span());
    }
}

/// Ends, in the background, an execution that was dropped, or whose work has panicked.
pub(super) fn end_unfinished(claimed: Claimed, left: AtClose) {
    in_background(async move { ended(claimed, take_back(left).await).await });
}

/// Ends an execution of which nobody hears, by what its transaction had come to.
async fn ended(claimed: Claimed, end: Result<End, TransactionError>) {
    match end {
        Ok(End::CommittedBefore) => committed_itself(claimed).await,
        Ok(End::RolledBackBefore) => rolled_back_before(claimed, ()).await,
        Ok(End::TakenBack) | Err(_) => claimed.release(()).await,
    }
}

/// Takes back what the handler has done.
pub(super) async fn take_back(left: AtClose) -> Result<End, TransactionError> {
    let end = match left {
        AtClose::Nothing => Ok(End::TakenBack),
        AtClose::Borrowed(state) => Ok(left_behind(state)),
        AtClose::Returned(mut open) => open.take_back().await,
    };
    if let Err(error) = &end {
        tracing::warn!(error = %error.cause(), "a transaction could not be rolled back: its connection is closed");
    }
    end
}

/// End of a transaction that the handler has left behind and something still has. The transaction
/// is closed when that is done with it.
fn left_behind(state: TransactionState) -> End {
    match state {
        TransactionState::Stands => End::TakenBack,
        TransactionState::RolledBack => End::RolledBackBefore,
        TransactionState::Committed | TransactionState::Unknown => End::CommittedBefore,
    }
}

/// Ends a request whose transaction was rolled back while the handler had it.
pub(super) async fn rolled_back_before<T>(claimed: Claimed, output: T) -> T {
    tracing::error!(
        handler = claimed.policy.name(),
        "the handler's transaction was rolled back before the handler had ended, by a ROLLBACK or by an error on which \
         the database rolls back: nothing is kept, and the key is free"
    );
    claimed.release(output).await
}

/// Ends a request whose handler has committed its transaction, or may have done so, or may yet do
/// so in what it has left behind: what it did may stand.
pub(super) async fn committed_itself(mut claimed: Claimed) {
    tracing::error!(
        handler = claimed.policy.name(),
        "the handler has committed its transaction itself, or may do so yet, and without its response: what it did \
         may stand, and the outcome of the key is unknown"
    );
    let mut event = claimed.event.take();
    event.ends(Outcome::Abandoned);
    complete_as_unknown(claimed).await;
}
