//! Calls as a sequence has them: small numbers in place of addresses, tokens and times. So a
//! sequence can be made from a seed, sent again under fresh addresses, made smaller and read.

use std::fmt;

use crate::store::{OnAbandoned, Stage};

/// Time, in units of the sequence.
pub(super) type Units = u32;

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A call. It is answered before the next step.
    Call(Call),
    /// Time passes.
    Pass(Units),
    /// The store deletes what is forgotten, if the suite can tell it to.
    Sweep,
}

/// A call about one of a sequence's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// One of [`KEYS`].
    pub(super) key: usize,
    pub(super) verb: Verb,
}

/// Number of keys in a sequence. The second is a step of the first, and the third is another key.
pub(super) const KEYS: usize = 3;
/// Number of tokens that a key is claimed with. The last one is that of another request. Behind
/// them come the tokens of resolutions.
pub(super) const OWNERS: usize = 4;
/// Number of tokens of a key.
pub(super) const TOKENS: usize = 6;
/// Number of records. One is empty, and one says that nothing is known.
pub(super) const RECORDS: usize = 3;
/// The record that says that nothing is known.
pub(super) const UNKNOWN: usize = 2;

/// A verb and its arguments. `owner` and `by` are tokens. A token is that of one request: a hold
/// never has the fingerprint of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Claim(Claiming),
    Renew { owner: usize, lease: Units },
    Complete { owner: usize, record: usize, replay: Units, remember: Units },
    Release { owner: usize },
    Resolve { by: usize, instead_of: Option<usize>, outcome: Option<usize> },
    Inspect,
    Forget { token: usize, stage: Stage },
    Recall { owner: usize },
    Stuck,
}

/// Arguments of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claiming {
    pub(super) owner: usize,
    pub(super) lease: Units,
    pub(super) retention: Units,
    pub(super) on_abandoned: OnAbandoned,
    pub(super) for_transaction: bool,
}

impl Step {
    /// The times in the step, each with the least that it may be.
    pub(super) fn times(&mut self) -> Vec<(&mut Units, Units)> {
        match self {
            Step::Pass(time) => vec![(time, 1)],
            Step::Sweep => Vec::new(),
            Step::Call(call) => match &mut call.verb {
                Verb::Claim(Claiming { lease, retention, .. }) => vec![(lease, 1), (retention, 0)],
                Verb::Renew { lease, .. } => vec![(lease, 1)],
                Verb::Complete { replay, remember, .. } => vec![(replay, 1), (remember, 0)],
                _ => Vec::new(),
            },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Call(call) => call.fmt(f),
            Step::Pass(time) => write!(f, "time passes: {time}"),
            Step::Sweep => f.write_str("what is forgotten is deleted"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = ["key 1", "step of key 1", "key 2"][self.key % KEYS];
        match &self.verb {
            Verb::Claim(claiming) => write!(f, "claim {key} {claiming}"),
            Verb::Renew { owner, lease } => {
                write!(f, "renew {key} as {}, lease {lease}", token(*owner))
            }
            Verb::Complete { owner, record, replay, remember } => write!(
                f,
                "complete {key} as {}, record {record}, replay {replay}, remember {remember}",
                token(*owner)
            ),
            Verb::Release { owner } => write!(f, "release {key} as {}", token(*owner)),
            Verb::Resolve { by, instead_of, outcome } => {
                let record = |record: &Option<usize>| match record {
                    Some(record) => format!("record {record}"),
                    None => "no record".to_owned(),
                };
                let (instead_of, outcome) = (record(instead_of), record(outcome));
                write!(f, "resolve {key} as {}, {outcome} instead of {instead_of}", token(*by))
            }
            Verb::Inspect => write!(f, "inspect {key}"),
            Verb::Forget { token: meant, stage } => {
                write!(f, "forget {key} of {}, {}", token(*meant), named(*stage))
            }
            Verb::Recall { owner } => write!(f, "recall {key} as {}", token(*owner)),
            Verb::Stuck => write!(f, "stuck"),
        }
    }
}

impl fmt::Display for Claiming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claiming { owner, lease, retention, on_abandoned, for_transaction } = self;
        let on_abandoned = match on_abandoned {
            OnAbandoned::Refuse => "refuse",
            OnAbandoned::Rerun => "rerun",
        };
        let owner = token(*owner);
        write!(f, "as {owner}, lease {lease}, retention {retention}, {on_abandoned}")?;
        f.write_str(if *for_transaction { ", for a transaction" } else { "" })
    }
}

/// Name of a token.
pub(super) fn token(number: usize) -> &'static str {
    ["A", "B", "C", "D (another request)", "operator 1", "operator 2"][number % TOKENS]
}

fn named(stage: Stage) -> &'static str {
    match stage {
        Stage::Claimed => "claimed",
        Stage::Completed => "completed",
    }
}
