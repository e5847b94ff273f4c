//! Outputs for callers whose work has run. A caller waits for the store no longer than
//! `completion.rs` allows, and always gets an output.

use super::{
    claimed::Claimed,
    completion::{self, CompletionOutcome},
    work::Work,
};
use crate::{
    record,
    store::{Record, Renewal},
};

/// Stores `record`, and returns `output`, or what somebody else has recorded meanwhile.
///
/// A store that answers at once needs no timer and no task.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn stored<W: Work>(
    mut claimed: Claimed,
    record: Record,
    output: W::Output,
) -> impl Future<Output = W::Output> {
    async move {
        claimed.event.asks();
        let completed = match completion::at_once(&claimed, &record) {
            Some(completion) => completion::end(claimed, record, completion),
            None => Box::pin(completion::complete(claimed, record)).await,
        };
        output_of::<W>(completed, output)
    }
}

/// Ends an execution that was told that it had lost its claim. Returns what the winner has
/// recorded, or else `output`, which is never stored.
pub(super) async fn lost<W: Work>(claimed: Claimed, output: W::Output) -> W::Output {
    let lease = claimed.app.0.settings.lease;
    match claimed.app.0.store.renew(claimed.hold, lease).await {
        // A lost claim stays lost: completing it tells what the winner has recorded, and records
        // nothing. Without a winner those who wait ask the store.
        Ok(Renewal::Fenced) => stored::<W>(claimed, record::of_unknown(), output).await,
        Ok(Renewal::Renewed) | Err(_) => claimed.release(output).await,
    }
}

/// The work's own `output`, or what takes its place.
pub(super) fn output_of<W: Work>(completed: CompletionOutcome, output: W::Output) -> W::Output {
    match completed {
        CompletionOutcome::Stored => output,
        CompletionOutcome::Fenced(winner) => {
            winner.and_then(|winner| W::read(&winner).ok()).unwrap_or_else(|| W::not_stored(output))
        }
        CompletionOutcome::Late => W::not_stored(output),
    }
}
