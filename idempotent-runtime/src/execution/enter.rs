//! Entrance of a request: it leads the flight of its address, or follows it.

use std::future::ready;

use futures_util::{FutureExt, future::Either};

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
pub(super) fn done<W: Work>(step: Step<W>) -> impl Future<Output = Result<OutcomeOf<W>, Reason>> {
    match step {
        Step::Done(outcome) => Either::Left(ready(Ok(outcome))),
        Step::Pending(pending) => {
            Either::Right(W::finish(pending).map(|done| done.map_err(|panicked| lost(&panicked).into())))
        }
    }
}

fn lost(panicked: &Panicked) -> RefusalCode {
    tracing::error!(error = %panicked, "an execution ended without an outcome");
    RefusalCode::OutcomeUnknown
}
