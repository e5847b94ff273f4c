//! Brings a record to the store, for as long as it takes.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use super::Claimed;
use crate::{
    flight::Ending,
    observe::{Account, Outcome},
    pace::Pace,
    store::{Completion, Record},
};

/// How long anybody waits for the store before going on without it.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How it ended, as far as anybody waits for it.
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
    /// Notes how it ended, for whoever listens.
    fn write(&self, account: &mut Account) {
        account.completed();
        match self {
            Filed::Stored => {}
            Filed::Fenced(_) => account.ends(Outcome::Fenced),
            Filed::Late => account.ends(Outcome::NotStored),
        }
    }
}

/// The store's answer, where it takes no waiting to get one.
pub(super) fn at_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    claimed.app.0.store.complete_now(&claimed.hold, record, claimed.retention)?.ok()
}

/// Stores `record`, and waits for that while there is patience.
pub(crate) async fn file(claimed: Claimed, record: Record) -> Filed {
    let patience = Instant::now() + PATIENCE;
    match try_once(&claimed, &record).await {
        Some(completion) => end(claimed, record, completion),
        None => late(claimed, record, patience).await,
    }
}

/// Tries again for as long as there is patience, and then in the background.
async fn late(mut claimed: Claimed, record: Record, patience: Instant) -> Filed {
    let (handler, app) = (claimed.policy.handler, claimed.app.clone());
    // It is told when the client has its response, not when the store does.
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

/// Tries until the store has answered, or the record would have expired.
async fn keep_trying(claimed: Claimed, record: Record) -> Filed {
    if let Ok(completion) = timeout(claimed.retention.replay, try_again(&claimed, &record)).await {
        return end(claimed, record, completion);
    }
    tracing::error!(handler = claimed.policy.handler, "an outcome was never stored: its time has passed");
    Filed::Late
}

async fn try_again(claimed: &Claimed, record: &Record) -> Completion {
    // Its lease is renewed as rarely.
    let longest = LONGEST_PAUSE.max(claimed.app.0.settings.lease / 3);
    let mut pace = Pace::new(FIRST_PAUSE, longest);
    loop {
        sleep(pace.pause()).await;
        if let Some(completion) = try_once(claimed, record).await {
            return completion;
        }
    }
}

/// Says how it ended to those who wait.
pub(super) fn end(claimed: Claimed, record: Record, completion: Completion) -> Filed {
    let Claimed { policy, hold, lead, mut account, executing, .. } = claimed;
    let filed = match completion {
        Completion::Stored => {
            lead.end(Ending::Completed(hold.fingerprint, record));
            Filed::Stored
        }
        Completion::Fenced(winner) => {
            tracing::warn!(handler = policy.handler, "an execution had lost its claim when it completed");
            lead.end(Ending::Lost);
            Filed::Fenced(winner)
        }
    };
    filed.write(&mut account);
    // Whoever drains hears of everything that ran.
    drop(account);
    drop(executing);
    filed
}
