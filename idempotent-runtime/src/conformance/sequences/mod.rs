//! Random sequences of calls, each answered by the store and by the reference.
//!
//! A fact asks for one case that somebody has thought of. A sequence comes by the others: a verb
//! on an entry that another verb has left behind, just before and just after a time has ended. Many
//! sequences are played side by side, each on keys of its own, and time passes for all at once:
//!
//! ```text
//!  sequence 1   claim renew     │       │ complete complete │      │ claim
//!  sequence 2   claim           │ time  │ claim             │ time │ resolve inspect     …
//!  sequence 3   inspect claim   │       │ complete          │      │ forget claim
//! ```
//!
//! In one phase of a long round the sequences take turns, so that each call finds the store idle.
//!
//! A sequence that is answered wrongly is played again by itself, made smaller and shown.

mod answer;
mod call;
mod cast;
mod generate;
mod play;
mod reference;
mod shrink;

use std::{fmt::Write, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use self::{
    call::Step,
    generate::{Size, Verbs},
    play::{Mismatch, play},
    shrink::{Wrong, shrink},
};
use super::{Subject, harness::Verdict};
use crate::store::Store;

/// The fact that random sequences check.
pub(super) const FACT: &str = "every_call_of_a_random_sequence_is_answered_as_by_the_reference";

/// Time that one round of sequences may take.
const ROUND_LIMIT: Duration = Duration::from_secs(120);
/// Number of handles that the sequences of a round are sent through.
const HANDLES: usize = 4;
/// Number of sequences that are played to make one smaller.
const MOST_TRIES: usize = 500;
/// Number of rounds that may take too long to say anything, one after the other.
const MOST_LATE: usize = 5;

/// Number of calls that were made, and the verdict on them.
pub(super) type Outcome = (usize, Verdict);

/// Plays as many rounds as make the subject's number of calls, or one where the suite has to wait
/// for time to pass.
pub(super) async fn check<S: Store>(subject: Arc<Subject<S>>) -> Outcome {
    let (seed, wanted) = match (subject.seed_of_sequences(), subject.call_count()) {
        (Ok(seed), Ok(wanted)) => (seed, wanted),
        (Err(error), _) | (_, Err(error)) => return (0, Err(error)),
    };
    let mut stores = Vec::new();
    for _ in 0..HANDLES {
        stores.push(Arc::new(subject.open().await));
    }
    let mut rounds = Rounds { subject: &subject, stores, seed, calls: 0, late: 0 };
    while rounds.calls < wanted {
        if let Err(reason) = rounds.next(wanted - rounds.calls).await {
            return (rounds.calls, Err(reason));
        }
        if !subject.moves_time_for_all() {
            break;
        }
    }
    (rounds.calls, Ok(()))
}

/// Rounds of sequences against one store.
struct Rounds<'a, S> {
    subject: &'a Subject<S>,
    stores: Vec<Arc<S>>,
    /// Seed of the next round.
    seed: u64,
    /// Number of calls so far.
    calls: usize,
    /// Number of rounds, one after the other, in which too much time passed by itself.
    late: usize,
}

impl<S: Store> Rounds<'_, S> {
    /// Plays one round, of at most about `calls`.
    async fn next(&mut self, calls: usize) -> Verdict {
        let (seed, size) = (self.seed, self.size(calls));
        self.seed = self.seed.wrapping_add(1);
        let sequences = generate::round(seed, size, self.verbs());
        let begun = Instant::now();
        let played = timeout(ROUND_LIMIT, play(self.subject, &self.stores, &sequences)).await;
        let mismatches = played.map_err(|_| format!("seed {seed}: it did not end"))??;
        self.calls += calls_in(&sequences);
        let wrong = mismatches.into_iter().zip(sequences).filter_map(|(wrong, steps)| Some((wrong?, steps)));
        let Some((mismatch, steps)) = wrong.min_by_key(|(mismatch, _)| mismatch.at) else {
            self.late = 0;
            return Ok(());
        };
        if self.is_late(begun, &steps) && self.late < MOST_LATE {
            self.late += 1;
            return Ok(());
        }
        Err(self.describe(seed, mismatch, steps).await)
    }

    fn verbs(&self) -> Verbs {
        Verbs { resolve: self.subject.can_resolve(), inspect: self.subject.can_be_inspected() }
    }

    fn size(&self, calls: usize) -> Size {
        let most = if self.subject.moves_time_for_all() {
            Size { sequences: 256, phases: 24 }
        } else {
            Size { sequences: 64, phases: 6 }
        };
        let a_sequence = most.phases * (generate::MOST_CALLS + 1) / 2;
        Size { sequences: calls.div_ceil(a_sequence).clamp(1, most.sequences), ..most }
    }

    /// True where so much time has passed by itself that a wrong answer says nothing.
    fn is_late(&self, begun: Instant, steps: &[Step]) -> bool {
        let unit = self.subject.unit_of_sequences();
        let slept = |step: &Step| match step {
            Step::Pass(units) if !self.subject.moves_time_for_all() => unit * *units,
            _ => Duration::ZERO,
        };
        let by_itself = begun.elapsed().saturating_sub(steps.iter().map(slept).sum());
        !self.subject.stands_still() && by_itself > unit / 3
    }

    /// The smallest sequence that is still answered wrongly, and what is wrong.
    async fn describe(&self, seed: u64, mismatch: Mismatch, mut steps: Vec<Step>) -> String {
        steps.truncate(mismatch.at + 1);
        let before = calls_of(&steps);
        let mut alone = Alone { rounds: self, tries: MOST_TRIES, found: None };
        if self.subject.moves_time_for_all() && alone.place_in(&steps).await.is_some() {
            steps = shrink(steps, &mut alone).await;
        }
        let found = alone.found.unwrap_or(mismatch);
        let calls = calls_of(&steps);
        let mut text = format!("seed {seed}, a sequence of {before} calls made smaller to {calls}:");
        let mut given = found.given.iter();
        for (number, step) in steps.iter().enumerate() {
            let answer = match step {
                Step::Call(_) => given.next().map_or(String::new(), |answer| format!(": {answer}")),
                Step::Pass(_) | Step::Sweep => String::new(),
            };
            let _ = write!(text, "\n    {:>2}. {step}{answer}", number + 1);
        }
        let _ = write!(text, "\n    right is: {}", found.right);
        text
    }
}

/// Plays a sequence by itself.
struct Alone<'a, 'b, S> {
    rounds: &'a Rounds<'b, S>,
    /// Number of sequences that may still be played.
    tries: usize,
    /// The mismatch in the smallest sequence so far.
    found: Option<Mismatch>,
}

impl<S: Store> Wrong for Alone<'_, '_, S> {
    async fn place_in(&mut self, steps: &[Step]) -> Option<usize> {
        self.tries = self.tries.checked_sub(1)?;
        let Rounds { subject, stores, .. } = self.rounds;
        let played = timeout(ROUND_LIMIT, play(subject, stores, &[steps.to_vec()])).await;
        let mismatch = played.ok()?.ok()?.pop()??;
        let at = mismatch.at;
        self.found = Some(mismatch);
        Some(at)
    }
}

fn calls_of(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step, Step::Call(_))).count()
}

fn calls_in(sequences: &[Vec<Step>]) -> usize {
    sequences.iter().map(|steps| calls_of(steps)).sum()
}
