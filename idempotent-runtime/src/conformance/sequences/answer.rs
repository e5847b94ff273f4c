//! Answers to calls: compared, and shown so that somebody can read them.

use std::time::Duration;

use super::{call, cast::Cast};
use crate::store::{
    Claim, Completion, Forget, Inspection, Record, Renewal, Resolve, Standing, StoreError, Token,
};

/// Answer to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreAnswer {
    Claim(Claim),
    Renewal(Renewal),
    Completion(Completion),
    Released,
    Resolve(Resolve),
    Inspected(Option<Inspection>),
    Forget(Forget),
    Recalled(Option<Record>),
    /// The stuck entries of the sequence's own keys.
    Stuck(Vec<Inspection>),
    /// The store answered with an error.
    Failed(String),
}

/// Rounding of a store that counts in milliseconds.
const ROUNDING: i128 = 1_000;

impl StoreAnswer {
    /// The answer of a store, or its error.
    pub(super) fn of<T>(answer: Result<T, StoreError>, told: impl FnOnce(T) -> StoreAnswer) -> StoreAnswer {
        answer.map_or_else(|error| StoreAnswer::Failed(error.to_string()), told)
    }

    /// True where a store may answer `given` if this is right. Times that are left may be less by
    /// `tolerance`: the store's clock goes on while calls are made.
    pub(super) fn allows(&self, given: &StoreAnswer, tolerance: Duration) -> bool {
        if let (StoreAnswer::Recalled(_), StoreAnswer::Recalled(None)) = (self, given) {
            // A store need not hold a response in memory.
            return true;
        }
        let (right, right_times) = self.clone().split();
        let (given, given_times) = given.clone().split();
        let least = -i128::try_from(tolerance.as_micros()).unwrap_or(i128::MAX);
        let is_near = |(right, given): (&i128, &i128)| (least..=ROUNDING).contains(&(given - right));
        right == given && right_times.iter().zip(&given_times).all(is_near)
    }

    /// The answer without its times, and its times in microseconds: those that are left, and below
    /// zero those that have passed.
    fn split(mut self) -> (StoreAnswer, Vec<i128>) {
        let mut times = Vec::new();
        let mut take = |time: &mut Duration, sign: i128| {
            times.push(sign * i128::try_from(time.as_micros()).unwrap_or(i128::MAX));
            *time = Duration::ZERO;
        };
        match &mut self {
            StoreAnswer::Claim(Claim::InFlight { lease_left: left } | Claim::Replay { left, .. })
            | StoreAnswer::Resolve(Resolve::Running { lease_left: left })
            | StoreAnswer::Forget(Forget::Running { lease_left: left }) => take(left, 1),
            StoreAnswer::Inspected(Some(entry)) => take_all(entry, &mut take),
            StoreAnswer::Stuck(entries) => {
                entries.sort_by_key(|entry| entry.address);
                entries.dedup();
                entries.iter_mut().for_each(|entry| take_all(entry, &mut take));
            }
            _ => {}
        }
        (self, times)
    }

    /// The answer as text.
    pub(super) fn shown(&self, cast: &Cast) -> String {
        let show = Show { cast };
        match self {
            StoreAnswer::Claim(claim) => show.claim(claim),
            StoreAnswer::Renewal(Renewal::Renewed) => "renewed".to_owned(),
            StoreAnswer::Renewal(Renewal::Fenced) => "fenced".to_owned(),
            StoreAnswer::Completion(Completion::Stored) => "stored".to_owned(),
            StoreAnswer::Completion(Completion::Fenced(None)) => "fenced".to_owned(),
            StoreAnswer::Completion(Completion::Fenced(Some(record))) => {
                format!("fenced, with {}", show.record(record))
            }
            StoreAnswer::Released => "released".to_owned(),
            StoreAnswer::Resolve(resolve) => show.resolve(resolve),
            StoreAnswer::Inspected(entry) => {
                entry.as_ref().map_or("nothing".to_owned(), |one| show.entry(one))
            }
            StoreAnswer::Forget(Forget::Done) => "forgotten".to_owned(),
            StoreAnswer::Forget(Forget::Vacant) => "vacant".to_owned(),
            StoreAnswer::Forget(Forget::Another) => "another entry".to_owned(),
            StoreAnswer::Forget(Forget::Running { lease_left }) => show.left("running", *lease_left),
            StoreAnswer::Recalled(record) => {
                record.as_ref().map_or("nothing".to_owned(), |one| show.record(one))
            }
            StoreAnswer::Stuck(entries) => show.entries(entries),
            StoreAnswer::Failed(error) => format!("an error: {error}"),
        }
    }
}

/// Takes all times out of an entry.
fn take_all(entry: &mut Inspection, take: &mut impl FnMut(&mut Duration, i128)) {
    take(&mut entry.kept_for, 1);
    match &mut entry.standing {
        Standing::Running { lease_left: left } | Standing::Completed { left, .. } => take(left, 1),
        Standing::Abandoned { lapsed } => take(lapsed, -1),
        Standing::Expired => {}
    }
}

/// Shows values by the names that they have in their sequence.
struct Show<'a> {
    cast: &'a Cast,
}

impl Show<'_> {
    fn claim(&self, claim: &Claim) -> String {
        match claim {
            Claim::Won { attempt } => format!("won, attempt {attempt}"),
            Claim::InFlight { lease_left } => self.left("in flight", *lease_left),
            Claim::Replay { record, left } => self.left(&format!("replay of {}", self.record(record)), *left),
            Claim::Reused => "reused".to_owned(),
            Claim::Expired => "expired".to_owned(),
            Claim::Abandoned => "abandoned".to_owned(),
        }
    }

    fn resolve(&self, resolve: &Resolve) -> String {
        match resolve {
            Resolve::Done => "done".to_owned(),
            Resolve::Vacant => "vacant".to_owned(),
            Resolve::Running { lease_left } => self.left("running", *lease_left),
            Resolve::Completed(record) => format!("completed with {}", self.record(record)),
            Resolve::Expired => "expired".to_owned(),
        }
    }

    fn entries(&self, entries: &[Inspection]) -> String {
        let all: Vec<_> = entries.iter().map(|entry| self.entry(entry)).collect();
        format!("[{}]", all.join("; "))
    }

    fn entry(&self, entry: &Inspection) -> String {
        let standing = match &entry.standing {
            Standing::Running { lease_left } => self.left("running", *lease_left),
            Standing::Abandoned { lapsed } => format!("abandoned {} ago", self.time(*lapsed)),
            Standing::Completed { record, left } => {
                self.left(&format!("completed with {}", self.record(record)), *left)
            }
            Standing::Expired => "expired".to_owned(),
        };
        let key = self.cast.addresses().iter().position(|address| *address == entry.address);
        let token = key.map_or("another token", |key| self.token(key, entry.token));
        let kept = self.time(entry.kept_for);
        let Inspection { attempt, label, .. } = entry;
        format!("{standing}, of {token} at {label:?}, attempt {attempt}, kept for {kept}")
    }

    fn token(&self, key: usize, token: Token) -> &'static str {
        let number = (0..call::TOKENS).find(|number| self.cast.token(key, *number) == token);
        number.map_or("another token", call::token)
    }

    fn record(&self, record: &Record) -> String {
        match self.cast.number_of(record) {
            Some(number) => format!("record {number}"),
            None => format!("a record of {} bytes that nobody wrote", record.as_bytes().len()),
        }
    }

    fn left(&self, what: &str, left: Duration) -> String {
        format!("{what} for {} more", self.time(left))
    }

    /// A time in units, to the third digit.
    fn time(&self, time: Duration) -> String {
        format!("{}", (self.cast.units(time) * 1_000.0).round() / 1_000.0)
    }
}
