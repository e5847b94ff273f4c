//! Answer to a request: it runs, waits or replays.

use super::{
    enter::{done, enter},
    job::Job,
    pending::ClaimOutcome,
    wait::wait,
    work::Work,
};
use crate::reason::Reason;

/// Leads the flight of this request's address, or follows it, until there is an answer.
///
/// The waiting part is boxed: a future is as large as all that it may ever hold, and is moved
/// about.
pub(crate) fn answer<W: Work>(job: Job<W>) -> impl Future<Output = Result<W::Output, Reason>> {
    let (limit, outcome) = (job.longest_wait(), done(enter(job)));
    async move {
        match outcome.await? {
            ClaimOutcome::Answered(answer) => answer,
            waiting => Box::pin(wait(limit, waiting)).await,
        }
    }
}
