//! Completion of a claim: brings its record to the store, for as long as that takes.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use super::claimed::Claimed;
use crate::{
    backoff::Backoff,
    flight::Ending,
    observe::{EventGuard, Outcome},
    record,
    request::RequestFingerprint,
    store::{Completion, Record},
};

/// Longest time that anybody waits for the store before going on without it.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Result of bringing a record to the store, as far as anybody waits for it.
#[derive(Debug)]
pub(crate) enum CompletionOutcome {
    /// The record is stored.
    Stored,
    /// The claim had been lost. Holds what the winner recorded, if anything.
    Fenced(Option<Record>),
    /// The record is not stored yet: trying goes on in the background.
    Late,
}

impl CompletionOutcome {
    /// Notes the result for the listener.
    fn write(&self, event: &mut EventGuard) {
        event.completed();
        match self {
            CompletionOutcome::Stored => {}
            CompletionOutcome::Fenced(_) => event.ends(Outcome::Fenced),
            CompletionOutcome::Late => event.ends(Outcome::NotStored),
        }
    }
}

/// Answer of the store, where it can be had without waiting.
pub(super) fn at_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    claimed.app.0.store.complete_now(&claimed.hold, record, claimed.retention)?.ok()
}

/// Stores `record`, and waits for that up to the time limit.
pub(crate) async fn complete(claimed: Claimed, record: Record) -> CompletionOutcome {
    claimed.leader.finishing(claimed.hold);
    let until = Instant::now() + COMPLETION_TIMEOUT;
    match try_once(&claimed, &record).await {
        Some(completion) => end(claimed, record, completion),
        None => late(claimed, record, until).await,
    }
}

/// Tries again until then, and then goes on trying in the background.
async fn late(mut claimed: Claimed, record: Record, until: Instant) -> CompletionOutcome {
    let (policy, app) = (claimed.policy.clone(), claimed.app.clone());
    // The listener is told when the client has its response, which is before the store has it.
    let mut event = claimed.event.take();
    let mut work = Box::pin(keep_trying(claimed, record));
    let completed = match timeout_at(until, work.as_mut()).await {
        Ok(completed) => completed,
        Err(_) => {
            tracing::warn!(
                handler = policy.name(),
                "an outcome could not be stored yet: going on without, storing goes on too"
            );
            app.0.background.completes();
            tokio::spawn(work.in_current_span());
            CompletionOutcome::Late
        }
    };
    completed.write(&mut event);
    completed
}

async fn try_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    let Claimed { policy, app, hold, retention, .. } = claimed;
    match app.0.store.complete(*hold, record.clone(), *retention).await {
        Ok(completion) => Some(completion),
        Err(error) => {
            tracing::warn!(%error, handler = policy.name(), "an outcome could not be stored, trying again");
            None
        }
    }
}

/// Tries until the store has answered, or until the record would have expired.
async fn keep_trying(claimed: Claimed, record: Record) -> CompletionOutcome {
    if let Ok(completion) = timeout(claimed.retention.replay, try_again(&claimed, &record)).await {
        return end(claimed, record, completion);
    }
    let (handler, address) = (claimed.policy.name(), claimed.hold.address);
    tracing::error!(handler, %address, "an outcome was never stored: its time has passed");
    claimed.leader.end(without_winner(claimed.hold.fingerprint, record));
    CompletionOutcome::Late
}

async fn try_again(claimed: &Claimed, record: &Record) -> Completion {
    // The lease of its claim is renewed as rarely.
    let longest = LONGEST_PAUSE.max(claimed.app.0.settings.lease / 3);
    let mut pace = Backoff::new(FIRST_PAUSE, longest);
    loop {
        sleep(pace.next_delay()).await;
        if let Some(completion) = try_once(claimed, record).await {
            return completion;
        }
    }
}

/// Tells those who wait how the execution ended. Where the claim had been lost they get what the
/// winner has recorded, or else the outcome of this execution.
pub(super) fn end(claimed: Claimed, record: Record, completion: Completion) -> CompletionOutcome {
    let fingerprint = claimed.hold.fingerprint;
    let ending = match &completion {
        Completion::Stored => Ending::Completed(fingerprint, record),
        Completion::Fenced(Some(winner)) => Ending::Completed(fingerprint, winner.clone()),
        Completion::Fenced(None) => without_winner(fingerprint, record),
    };
    ended(claimed, completion, ending)
}

/// The same as [`end`], for an execution of which nothing was kept. Where nobody has completed,
/// those who wait ask the store anew.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn end_without_effect(claimed: Claimed, winner: Option<Record>) -> CompletionOutcome {
    let fingerprint = claimed.hold.fingerprint;
    let ending = winner.clone().map_or(Ending::Lost, |winner| Ending::Completed(fingerprint, winner));
    ended(claimed, Completion::Fenced(winner), ending)
}

/// Ending of an execution that no store has recorded. A refusal to run is no outcome, so it is not
/// passed on.
fn without_winner(fingerprint: RequestFingerprint, record: Record) -> Ending {
    if record::is_unknown(&record) { Ending::Lost } else { Ending::Unrecorded(fingerprint, record) }
}

fn ended(claimed: Claimed, completion: Completion, ending: Ending) -> CompletionOutcome {
    let Claimed { policy, hold, leader, mut event, executing, .. } = claimed;
    let completed = match completion {
        Completion::Stored => CompletionOutcome::Stored,
        Completion::Fenced(winner) => {
            let (handler, address) = (policy.name(), hold.address);
            tracing::warn!(handler, %address, "an execution had lost its claim when it completed");
            CompletionOutcome::Fenced(winner)
        }
    };
    leader.end(ending);
    completed.write(&mut event);
    // A drain waits until everything that ran has been told to the listener.
    drop(event);
    drop(executing);
    completed
}
