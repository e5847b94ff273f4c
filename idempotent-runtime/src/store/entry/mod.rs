//! State of one address, and its changes by each verb. Pure: nothing here touches a database or
//! asks for the time.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    request::RequestFingerprint,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Renewal, Retention, Token},
};

/// An address that is not vacant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) fingerprint: RequestFingerprint,
    /// Token of the claim, or of the call that completed the entry.
    pub(super) token: Token,
    pub(super) attempt: u32,
    pub(super) state: State,
    /// From then on the address is vacant.
    pub(super) forget_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Claimed {
        lease_until: Timestamp,
        retention: Duration,
    },
    Abandoned {
        lease_until: Timestamp,
    },
    Completed {
        record: Record,
        replay_until: Timestamp,
    },
    /// Completed, and the record's time has ended. The record is deleted, and the key is
    /// remembered.
    Expired {
        replayed_until: Timestamp,
    },
}

/// Answer of a verb, together with the fact that the entry has changed or has not.
pub(super) type Decided<T> = (T, Changed);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Yes,
    No,
}

impl Entry {
    fn claimed(request: &ClaimRequest, attempt: u32, now: Timestamp) -> Self {
        let lease_until = now.after(request.lease);
        Entry {
            fingerprint: request.hold.fingerprint,
            token: request.hold.token,
            attempt,
            state: State::Claimed { lease_until, retention: request.retention },
            forget_at: lease_until.after(request.retention),
        }
    }

    pub(super) fn is_claimed(&self) -> bool {
        matches!(self.state, State::Claimed { .. })
    }

    /// Number of bytes kept of the record.
    pub(super) fn record_bytes(&self) -> usize {
        match &self.state {
            State::Completed { record, .. } => record.as_bytes().len(),
            State::Claimed { .. } | State::Abandoned { .. } | State::Expired { .. } => 0,
        }
    }

    /// True until the entry's time ends. From then on the address is vacant, even if the row is not
    /// deleted yet.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        now < self.forget_at
    }

    fn is_claimed_by(&self, hold: &Hold) -> bool {
        self.is_claimed() && self.token == hold.token
    }

    /// True where the hold stands.
    fn is_held_by(&self, hold: &Hold, now: Timestamp) -> bool {
        self.is_kept(now) && self.is_claimed_by(hold)
    }

    fn lease(&mut self, now: Timestamp, lease: Duration) {
        if let State::Claimed { lease_until, retention } = &mut self.state {
            *lease_until = now.after(lease);
            self.forget_at = lease_until.after(*retention);
        }
    }

    fn abandon(&mut self, lease_until: Timestamp) -> Decided<Claim> {
        self.state = State::Abandoned { lease_until };
        (Claim::Abandoned, Changed::Yes)
    }

    /// Decides a claim on an address that is not vacant, in the order of
    /// [`Store::claim`](crate::Store::claim).
    fn claim(&mut self, request: &ClaimRequest, now: Timestamp) -> Decided<Claim> {
        if self.fingerprint != request.hold.fingerprint {
            return (Claim::Reused, Changed::No);
        }
        match &self.state {
            State::Completed { record, replay_until } if now < *replay_until => {
                let left = replay_until.since(now);
                (Claim::Replay { record: record.clone(), left }, Changed::No)
            }
            State::Completed { .. } | State::Expired { .. } => (Claim::Expired, Changed::No),
            State::Claimed { .. } if self.is_claimed_by(&request.hold) => {
                *self = Entry::claimed(request, self.attempt, now);
                (Claim::Won { attempt: self.attempt }, Changed::Yes)
            }
            State::Claimed { lease_until, .. } if now < *lease_until => {
                (Claim::InFlight { lease_left: lease_until.since(now) }, Changed::No)
            }
            State::Claimed { .. } if request.on_abandoned == OnAbandoned::Rerun => {
                *self = Entry::claimed(request, self.attempt.saturating_add(1), now);
                (Claim::Won { attempt: self.attempt }, Changed::Yes)
            }
            State::Claimed { lease_until, .. } => self.abandon(*lease_until),
            State::Abandoned { .. } => (Claim::Abandoned, Changed::No),
        }
    }

    /// Answer to a hold that does not stand: stored, where its own record is there, or else the
    /// winner's record.
    fn verdict_on(&self, hold: &Hold, now: Timestamp) -> Completion {
        match &self.state {
            State::Completed { .. } | State::Expired { .. } if self.token == hold.token => Completion::Stored,
            State::Completed { record, replay_until }
                if now < *replay_until && self.fingerprint == hold.fingerprint =>
            {
                Completion::Fenced(Some(record.clone()))
            }
            _ => Completion::Fenced(None),
        }
    }
}

/// Decides a claim.
pub(super) fn claim(entry: &mut Option<Entry>, request: &ClaimRequest, now: Timestamp) -> Decided<Claim> {
    match entry {
        Some(entry) if entry.is_kept(now) => entry.claim(request, now),
        _ => {
            *entry = Some(Entry::claimed(request, 1, now));
            (Claim::Won { attempt: 1 }, Changed::Yes)
        }
    }
}

/// Decides a renewal.
pub(super) fn renew(
    entry: &mut Option<Entry>,
    hold: &Hold,
    lease: Duration,
    now: Timestamp,
) -> Decided<Renewal> {
    match entry.as_mut().filter(|entry| entry.is_held_by(hold, now)) {
        Some(entry) => {
            entry.lease(now, lease);
            (Renewal::Renewed, Changed::Yes)
        }
        None => (Renewal::Fenced, Changed::No),
    }
}

/// Decides a completion.
pub(super) fn complete(
    entry: &mut Option<Entry>,
    hold: &Hold,
    record: Record,
    retention: Retention,
    now: Timestamp,
) -> Decided<Completion> {
    let Some(entry) = entry.as_mut().filter(|entry| entry.is_kept(now)) else {
        return (Completion::Fenced(None), Changed::No);
    };
    if !entry.is_claimed_by(hold) {
        return (entry.verdict_on(hold, now), Changed::No);
    }
    let replay_until = now.after(retention.replay);
    entry.state = State::Completed { record, replay_until };
    entry.forget_at = replay_until.after(retention.remember);
    (Completion::Stored, Changed::Yes)
}

/// Decides a release.
pub(super) fn release(entry: &mut Option<Entry>, hold: &Hold, now: Timestamp) -> Decided<()> {
    let held = entry.take_if(|entry| entry.is_held_by(hold, now)).is_some();
    ((), if held { Changed::Yes } else { Changed::No })
}
