//! Random sequences from a seed.

use fastrand::Rng;

use super::call::{Call, Claiming, KEYS, OWNERS, RECORDS, Step, TOKENS, Units, Verb};
use crate::store::{OnAbandoned, Stage};

/// Verbs that the store has beside those that every store has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verbs {
    pub(super) resolve: bool,
    pub(super) inspect: bool,
}

/// Number of sequences, and number of times that time passes in each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) sequences: usize,
    pub(super) phases: usize,
}

/// Most calls of one sequence between two passings of time.
pub(super) const MOST_CALLS: usize = 4;

/// Sequences that are played side by side: time passes for all of them at once.
pub(super) fn round(seed: u64, size: Size, verbs: Verbs) -> Vec<Vec<Step>> {
    let mut rng = Rng::with_seed(seed);
    let between: Vec<Step> = (0..size.phases).map(|_| pause(&mut rng)).collect();
    (0..size.sequences).map(|_| Generator::new(rng.fork(), verbs).sequence(&between)).collect()
}

fn pause(rng: &mut Rng) -> Step {
    match rng.u8(..20) {
        0..10 => Step::Pass(1),
        10..14 => Step::Pass(2),
        14..17 => Step::Pass(3),
        17 => Step::Pass(6),
        _ => Step::Sweep,
    }
}

/// Makes one sequence. Calls that belong together are made more often than chance would: the last
/// owner of a key calls again, and calls are repeated.
struct Generator {
    rng: Rng,
    verbs: Verbs,
    /// For each key the token that was used last.
    last: [usize; KEYS],
    before: Option<Call>,
}

impl Generator {
    fn new(rng: Rng, verbs: Verbs) -> Self {
        Generator { rng, verbs, last: [0; KEYS], before: None }
    }

    fn sequence(&mut self, between: &[Step]) -> Vec<Step> {
        let mut steps = Vec::new();
        for pause in between {
            for _ in 0..self.rng.usize(1..=MOST_CALLS) {
                steps.push(Step::Call(self.call()));
            }
            steps.push(pause.clone());
        }
        steps
    }

    fn call(&mut self) -> Call {
        if let Some(before) = self.before.clone().filter(|_| self.rng.u8(..10) == 0) {
            return before;
        }
        let key = [0, 0, 0, 1, 2][self.rng.usize(..5)];
        let call = Call { key, verb: self.verb(key) };
        self.before = Some(call.clone());
        call
    }

    fn verb(&mut self, key: usize) -> Verb {
        loop {
            return match self.rng.u16(..1_000) {
                0..350 => Verb::Claim(self.claiming(key)),
                350..450 => {
                    let owner = self.owner(key);
                    Verb::Renew { owner, lease: self.time(1) }
                }
                450..650 => {
                    let (owner, record) = (self.owner(key), self.rng.usize(..RECORDS));
                    Verb::Complete { owner, record, replay: self.time(1), remember: self.time(0) }
                }
                650..700 => Verb::Release { owner: self.owner(key) },
                700..750 => Verb::Recall { owner: self.owner(key) },
                750..840 if self.verbs.resolve => self.resolve(key),
                840..920 if self.verbs.inspect => Verb::Inspect,
                920..995 if self.verbs.inspect => Verb::Forget {
                    token: if self.rng.u8(..4) == 0 { self.rng.usize(..TOKENS) } else { self.last[key] },
                    stage: if self.rng.bool() { Stage::Claimed } else { Stage::Completed },
                },
                995.. if self.verbs.inspect => Verb::Stuck,
                _ => continue,
            };
        }
    }

    fn claiming(&mut self, key: usize) -> Claiming {
        let owner = self.owner(key);
        self.last[key] = owner;
        Claiming {
            owner,
            lease: self.time(1),
            retention: self.time(0),
            on_abandoned: if self.rng.bool() { OnAbandoned::Refuse } else { OnAbandoned::Rerun },
            for_transaction: self.rng.u8(..10) == 0,
        }
    }

    fn resolve(&mut self, key: usize) -> Verb {
        let by = self.rng.usize(OWNERS..TOKENS);
        self.last[key] = by;
        let mut record = || (self.rng.u8(..3) > 0).then(|| self.rng.usize(..RECORDS));
        Verb::Resolve { by, instead_of: record(), outcome: record() }
    }

    /// An owner: often the last one, and seldom that of another request.
    fn owner(&mut self, key: usize) -> usize {
        match (self.last[key], self.rng.u8(..16)) {
            (last, 0..7) if last < OWNERS => last,
            (_, 7) => OWNERS - 1,
            _ => self.rng.usize(..OWNERS - 1),
        }
    }

    fn time(&mut self, least: Units) -> Units {
        self.rng.u32(least..=4)
    }
}
