//! Ends of executions whose transaction is taken back, or can't be any more.

use super::{claimed::Claimed, unknown_outcome::complete_as_unknown};
use crate::{
    observe::Outcome,
    store::transactional::TransactionState,
    transaction::{AtClose, End},
};

/// Takes back what the handler has done.
pub(super) async fn take_back(left: AtClose) -> Result<End, sqlx::Error> {
    let end = match left {
        AtClose::Nothing => Ok(End::TakenBack),
        AtClose::Borrowed(state) => Ok(left_behind(state)),
        AtClose::Returned(mut open) => open.take_back().await,
    };
    if let Err(error) = &end {
        tracing::warn!(%error, "a transaction could not be rolled back: its connection is closed");
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

/// Ends an execution that was dropped, or whose work has panicked: nobody hears of it.
pub(super) async fn end_unfinished(claimed: Claimed, left: AtClose) {
    match take_back(left).await {
        Ok(End::CommittedBefore) => committed_itself(claimed).await,
        Ok(End::RolledBackBefore) => rolled_back_before(claimed, ()).await,
        Ok(End::TakenBack) | Err(_) => claimed.release(()).await,
    }
}
