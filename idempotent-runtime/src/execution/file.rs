//! Brings a record to the store, for as long as it takes.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use super::Claimed;
use crate::{
    flight::Ending,
    observe::{Account, Outcome},
    pace::Pace,
    request::RequestFingerprint,
    response::record::{self, Recorded},
    store::{Completion, Record},
};

/// Longest time that anybody waits for the store before going on without it.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Result of bringing a record to the store, as far as anybody waits for it.
#[derive(Debug)]
pub(crate) enum Filed {
    /// The record is stored.
    Stored,
    /// The claim had been lost. Holds what the winner recorded, if anything.
    Fenced(Option<Record>),
    /// The record is not stored yet: trying goes on in the background.
    Late,
}

impl Filed {
    /// Notes the result for the listener.
    fn write(&self, account: &mut Account) {
        account.completed();
        match self {
            Filed::Stored => {}
            Filed::Fenced(_) => account.ends(Outcome::Fenced),
            Filed::Late => account.ends(Outcome::NotStored),
        }
    }
}

/// Answer of the store, where it can be had without waiting.
pub(super) fn at_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    claimed.app.0.store.complete_now(&claimed.hold, record, claimed.retention)?.ok()
}

/// Stores `record`, and waits for that up to the time limit.
pub(crate) async fn file(claimed: Claimed, record: Record) -> Filed {
    claimed.lead.finishing(claimed.hold);
    let patience = Instant::now() + PATIENCE;
    match try_once(&claimed, &record).await {
        Some(completion) => end(claimed, record, completion),
        None => late(claimed, record, patience).await,
    }
}

/// Tries again until `patience`, and then goes on trying in the background.
async fn late(mut claimed: Claimed, record: Record, patience: Instant) -> Filed {
    let (handler, app) = (claimed.policy.handler, claimed.app.clone());
    // The listener is told when the client has its response, which is before the store has it.
    let mut account = claimed.account.take();
    let mut work = Box::pin(keep_trying(claimed, record));
    let filed = match timeout_at(patience, work.as_mut()).await {
        Ok(filed) => filed,
        Err(_) => {
            tracing::warn!(
                handler,
                "an outcome could not be stored yet: going on without, storing goes on too"
            );
            app.0.background.completes();
            tokio::spawn(work.in_current_span());
            Filed::Late
        }
    };
    filed.write(&mut account);
    filed
}

async fn try_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    let Claimed { policy, app, hold, retention, .. } = claimed;
    match app.0.store.complete(hold, record, *retention).await {
        Ok(completion) => Some(completion),
        Err(error) => {
            tracing::warn!(%error, handler = policy.handler, "an outcome could not be stored, trying again");
            None
        }
    }
}

/// Tries until the store has answered, or until the record would have expired.
async fn keep_trying(claimed: Claimed, record: Record) -> Filed {
    if let Ok(completion) = timeout(claimed.retention.replay, try_again(&claimed, &record)).await {
        return end(claimed, record, completion);
    }
    tracing::error!(handler = claimed.policy.handler, "an outcome was never stored: its time has passed");
    claimed.lead.end(without_winner(claimed.hold.fingerprint, record));
    Filed::Late
}

async fn try_again(claimed: &Claimed, record: &Record) -> Completion {
    // The lease of its claim is renewed as rarely.
    let longest = LONGEST_PAUSE.max(claimed.app.0.settings.lease / 3);
    let mut pace = Pace::new(FIRST_PAUSE, longest);
    loop {
        sleep(pace.pause()).await;
        if let Some(completion) = try_once(claimed, record).await {
            return completion;
        }
    }
}

/// Tells those who wait how the execution ended. Where the claim had been lost they get what the
/// winner has recorded, or else the outcome of this execution.
pub(super) fn end(claimed: Claimed, record: Record, completion: Completion) -> Filed {
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
pub(super) fn end_without_effect(claimed: Claimed, winner: Option<Record>) -> Filed {
    let fingerprint = claimed.hold.fingerprint;
    let ending = winner.clone().map_or(Ending::Lost, |winner| Ending::Completed(fingerprint, winner));
    ended(claimed, Completion::Fenced(winner), ending)
}

/// Ending of an execution that no store has recorded. A refusal to run is no outcome, so it is not
/// passed on.
fn without_winner(fingerprint: RequestFingerprint, record: Record) -> Ending {
    match record::read(&record) {
        Ok(Recorded::Unknown) => Ending::Lost,
        _ => Ending::Unrecorded(fingerprint, record),
    }
}

fn ended(claimed: Claimed, completion: Completion, ending: Ending) -> Filed {
    let Claimed { policy, lead, mut account, executing, .. } = claimed;
    let filed = match completion {
        Completion::Stored => Filed::Stored,
        Completion::Fenced(winner) => {
            tracing::warn!(handler = policy.handler, "an execution had lost its claim when it completed");
            Filed::Fenced(winner)
        }
    };
    lead.end(ending);
    filed.write(&mut account);
    // A drain waits until everything that ran has been told to the listener.
    drop(account);
    drop(executing);
    filed
}
