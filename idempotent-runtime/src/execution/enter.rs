//! Entrance of a request: it leads the flight of its address, or follows it.

use super::{
    claim::{Step, ask},
    detach::Panicked,
    job::Job,
    pending::ClaimOutcome,
    work::{OutcomeOf, Work},
};
use crate::{
    flight::Entry,
    reason::{Reason, RefusalCode},
};

/// Leads the flight and asks the store, or follows one who does.
pub(super) fn enter<W: Work>(mut job: Job<W>) -> Step<W> {
    match job.app.0.flights.enter(job.identity.address, job.origin.caller_or_nobody()) {
        Entry::Leads(leader) => ask(job, leader),
        Entry::Follows(follower) => Step::Done(ClaimOutcome::Following(Box::new(job), follower)),
        Entry::Crowded => {
            job.event.refused(RefusalCode::InProgress);
            Step::Done(ClaimOutcome::Answered(Err(RefusalCode::InProgress.into())))
        }
    }
}

/// Does the next step, to its end.
pub(super) async fn done<W: Work>(step: Step<W>) -> Result<OutcomeOf<W>, Reason> {
    match step {
        Step::Done(outcome) => Ok(outcome),
        Step::Pending(pending) => W::finish(pending).await.map_err(|panicked| lost(&panicked).into()),
    }
}

fn lost(panicked: &Panicked) -> RefusalCode {
    tracing::error!(error = %panicked, "an execution ended without an outcome");
    RefusalCode::OutcomeUnknown
}
