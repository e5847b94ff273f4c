//! Two ways to do what is pending: with its caller, or whoever is gone.

use futures_util::FutureExt;

use super::{
    claim::done,
    detach::{Panicked, detached},
    pending::Pending,
    work::{OutcomeOf, Work},
};

/// Does what is pending to its end on this worker, even if the caller is gone.
pub(crate) fn finish_detached<W: Work + 'static>(
    pending: Pending<W>,
) -> impl Future<Output = Result<OutcomeOf<W>, Panicked>> {
    detached(done(pending))
}

/// Does what is pending for as long as the caller waits. A caller who leaves, and a panic, leave
/// the claim to its lease.
pub(crate) fn finish_in_place<W: Work>(
    pending: Pending<W>,
) -> impl Future<Output = Result<OutcomeOf<W>, Panicked>> {
    done(pending).map(Ok)
}
