//! Waits for the execution of the request, in this process or on another node.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::{
    claim::ask,
    enter::{done, enter},
    job::Job,
    pending::ClaimOutcome,
    work::{OutcomeOf, Work},
};
use crate::{
    flight::{Ending, Follower, Leader, Phase},
    reason::{Reason, RefusalCode},
    store::Changes,
};

/// Waits for the execution of the request, up to `limit`, and asks again when it is done and has
/// left no answer.
pub(super) async fn wait<W: Work>(limit: Duration, mut outcome: OutcomeOf<W>) -> Result<W::Output, Reason> {
    let mut deadline = Deadline { wait: limit, at: None };
    let mut changes = Changes::default();
    loop {
        let step = match outcome {
            ClaimOutcome::Answered(answer) => return answer,
            ClaimOutcome::Following(mut job, follower) => {
                job.event.waits();
                match follow(follower, &job, &mut deadline).await.transpose() {
                    Some(answer) => {
                        job.event.answered(&answer);
                        return answer;
                    }
                    None => enter(*job),
                }
            }
            // The request goes on leading: its followers need not be woken before there is an
            // answer, and do not ask the store each for itself.
            ClaimOutcome::Elsewhere(mut job, leader, lease_left) => {
                job.event.waits();
                let leader = wait_elsewhere(&job, leader, lease_left, &mut deadline, &mut changes).await;
                let leader = leader.inspect_err(|reason| job.event.refused(reason.code))?;
                ask(*job, leader)
            }
        };
        outcome = done(step).await?;
    }
}

/// Moment at which a duplicate stops waiting: its policy's `wait` after it first had to.
struct Deadline {
    wait: Duration,
    at: Option<Instant>,
}

impl Deadline {
    fn at(&mut self) -> Instant {
        *self.at.get_or_insert_with(|| Instant::now() + self.wait)
    }

    /// The deadline, unless it has passed.
    fn left(&mut self) -> Option<Instant> {
        let at = self.at();
        (Instant::now() < at).then_some(at)
    }

    /// Deadline for the answer to somebody else's claim. A request that waits for no execution
    /// waits for that answer all the same, for as long as for the answer to a claim of its own:
    /// nobody knows yet that anything runs.
    fn of_claim(&mut self, store_answers: Duration) -> Instant {
        let waitless = self.wait.is_zero();
        self.at() + if waitless { store_answers } else { Duration::ZERO }
    }
}

/// Waits for the end of the flight. `None` where the store has to be asked.
async fn follow<W: Work>(
    mut follower: Follower,
    job: &Job<W>,
    deadline: &mut Deadline,
) -> Result<Option<W::Output>, Reason> {
    let (fingerprint, store_answers) = (job.identity.fingerprint, job.app.0.store.call_timeout());
    let claimed = timeout_at(deadline.of_claim(store_answers), follower.claimed()).await;
    let ending = match claimed.map_err(|_| RefusalCode::InProgress)? {
        Phase::Ended(ending) => ending,
        Phase::Running(running) | Phase::Finishing(running) if running.fingerprint != fingerprint => {
            return Err(RefusalCode::KeyReused.into());
        }
        Phase::Unprotected(running) | Phase::Elsewhere(running) if running != fingerprint => {
            return Err(RefusalCode::KeyReused.into());
        }
        _ => {
            let at = deadline.left().ok_or(RefusalCode::InProgress)?;
            timeout_at(at, follower.ended()).await.map_err(|_| RefusalCode::InProgress)?
        }
    };
    match ending {
        Ending::Completed(completed, _) | Ending::Unrecorded(completed, _) if completed != fingerprint => {
            Err(RefusalCode::KeyReused.into())
        }
        Ending::Completed(_, record) => W::read(&record).map(Some),
        Ending::Unrecorded(_, record) => W::read(&record).map(|output| Some(W::not_stored(output))),
        Ending::Settled(settled, reason) if settled == fingerprint && holds_for(job, reason.code) => {
            Err(reason)
        }
        Ending::Settled(..) | Ending::Released | Ending::Lost | Ending::Panicked => Ok(None),
    }
}

/// True where a refusal that the leader was given holds for this request too. The leader may have
/// come to another handle of the process, which drains, or to another endpoint, where nobody waits.
fn holds_for<W>(job: &Job<W>, code: RefusalCode) -> bool {
    match code {
        RefusalCode::ShuttingDown => job.app.0.executions.is_draining(),
        RefusalCode::InProgress => job.longest_wait().is_zero(),
        _ => true,
    }
}

/// Waits until the other node's claim may have changed, and gives the flight back, to ask again.
/// This future may be dropped: it holds the flight and a place, but no claim.
async fn wait_elsewhere<W>(
    job: &Job<W>,
    leader: Leader,
    lease_left: Duration,
    deadline: &mut Deadline,
    changes: &mut Changes,
) -> Result<Leader, Reason> {
    let Some(at) = deadline.left() else {
        // Where no duplicate may wait, those who follow do not wait either: they need not ask one
        // after the other.
        let waitless = job.longest_wait().is_zero();
        leader.end(if waitless {
            Ending::Settled(job.identity.fingerprint, RefusalCode::InProgress.into())
        } else {
            Ending::Released
        });
        return Err(RefusalCode::InProgress.into());
    };
    let _place = job.app.0.flights.place(job.origin.caller_or_nobody()).ok_or(RefusalCode::InProgress)?;
    leader.elsewhere(job.identity.fingerprint);
    let changed = changes.next(&job.app.0.store, job.identity.address);
    match timeout_at(at, timeout(lease_left, changed)).await {
        Ok(_) => Ok(leader),
        Err(_) => {
            leader.end(Ending::Released);
            Err(RefusalCode::InProgress.into())
        }
    }
}
