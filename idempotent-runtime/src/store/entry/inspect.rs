//! A look at an entry, and the decision to forget one.

use std::time::Duration;

use super::{Changed, Decided, Entry, State};
use crate::{
    clock::Timestamp,
    request::Address,
    store::{Forget, ForgetRequest, Inspection, Stage, Standing},
};

/// Everything known of the entry at `address`. See [`Store::inspect`](crate::Store::inspect).
pub fn inspect(entry: Option<&Entry>, address: Address, now: Timestamp) -> Option<Inspection> {
    entry?.inspect(address, now)
}

/// Decides a request to forget an entry, in the order of [`Store::forget`](crate::Store::forget).
///
/// Decides about this one entry. Where it is [`Forget::Done`], the store forgets the entries
/// beneath it too, except those whose [lease runs](Entry::lease_left).
pub fn forget(entry: &mut Option<Entry>, request: &ForgetRequest, now: Timestamp) -> Decided<Forget> {
    let answer = match entry.as_ref().filter(|entry| entry.is_kept(now)) {
        None => Forget::Vacant,
        Some(entry) if (entry.token, entry.stage()) != (request.token, request.stage) => Forget::Another,
        Some(entry) => match entry.lease_left(now) {
            Some(lease_left) => Forget::Running { lease_left },
            None => Forget::Done,
        },
    };
    if answer != Forget::Done {
        return (answer, Changed::No);
    }
    *entry = None;
    (answer, Changed::Yes)
}

impl Entry {
    fn stage(&self) -> Stage {
        match self.state {
            State::Claimed { .. } | State::Abandoned { .. } => Stage::Claimed,
            State::Completed { .. } | State::Expired { .. } => Stage::Completed,
        }
    }

    /// Time for which the lease still runs, if the entry is claimed and its lease runs.
    pub fn lease_left(&self, now: Timestamp) -> Option<Duration> {
        match self.state {
            State::Claimed { lease_until, .. } if now < lease_until => Some(lease_until.since(now)),
            _ => None,
        }
    }

    /// Everything known of the entry, if its time has not ended.
    fn inspect(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        let standing = match (&self.state, self.lease_left(now)) {
            (_, Some(lease_left)) => Standing::Running { lease_left },
            (State::Claimed { lease_until, .. } | State::Abandoned { lease_until }, None) => {
                Standing::Abandoned { lapsed: now.since(*lease_until) }
            }
            (State::Completed { record, replay_until }, None) if now < *replay_until => {
                Standing::Completed { record: record.clone(), left: replay_until.since(now) }
            }
            (State::Completed { .. } | State::Expired { .. }, None) => Standing::Expired,
        };
        let (token, attempt, kept_for) = (self.token, self.attempt, self.forget_at.since(now));
        let found = || {
            let (label, fingerprint) = (self.label.clone(), self.fingerprint);
            Inspection { address, token, attempt, standing, kept_for, label, fingerprint }
        };
        self.is_kept(now).then(found)
    }
}
