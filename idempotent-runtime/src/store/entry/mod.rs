//! The state machine of one address: the decision of every verb, in one place.
//!
//! A verb takes the entry at an address, a call and the time. It gives the answer, and leaves the
//! next entry. Nothing here touches a database or asks for the time. So every store can be held to
//! it, and the conformance suite does that with random sequences of calls. A store of one's own may
//! decide by it too: then it has to bring no more than a place for the entries, and one lock or
//! transaction around the read, the decision and the write. The picture of an entry's life is at
//! the head of [`store`](crate::store).
//!
//! ```
//! use std::time::Duration;
//!
//! use idempotent_runtime::{
//!     Address, RequestFingerprint,
//!     clock::Timestamp,
//!     store::{
//!         Claim, ClaimRequest, Hold, OnAbandoned, Origin, Token,
//!         entry::{self, Changed},
//!     },
//! };
//!
//! let minute = Duration::from_secs(60);
//! let request = |token| ClaimRequest {
//!     hold: Hold {
//!         address: Address::from_bytes([1; 32]),
//!         token: Token::from_bytes([token; 16]),
//!         fingerprint: RequestFingerprint::from_bytes([2; 32]),
//!     },
//!     lease: minute,
//!     on_abandoned: OnAbandoned::Refuse,
//!     retention: minute,
//!     origin: Origin::default(),
//! };
//! let (mut entry, now) = (None, Timestamp::from_millis(0));
//! let first = entry::claim(&mut entry, &request(1), now);
//! assert_eq!(first, (Claim::Won { attempt: 1 }, Changed::Yes));
//! let second = entry::claim(&mut entry, &request(2), now);
//! assert_eq!(second, (Claim::InFlight { lease_left: minute }, Changed::No));
//! ```

mod inspect;
mod resolve;

pub use self::{
    inspect::{forget, inspect},
    resolve::resolve,
};

use std::{borrow::Cow, time::Duration};

use super::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Renewal, Retention, Token};
use crate::{clock::Timestamp, request::RequestFingerprint};

/// An address that is not vacant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Fingerprint of the request.
    pub fingerprint: RequestFingerprint,
    /// Token of the claim, or of the call that completed the entry.
    pub token: Token,
    /// 1, and one more for every takeover.
    pub attempt: u32,
    /// State of the request.
    pub state: State,
    /// Time from which on the address is vacant, whether or not the entry is deleted yet.
    pub forget_at: Timestamp,
    /// Label of the claim that the entry is, or was: [`Origin::label`](super::Origin::label).
    pub label: Cow<'static, str>,
}

/// State of the request that an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is claimed. A lease that has run out does not end the claim.
    Claimed {
        /// End of the lease, unless it is renewed.
        lease_until: Timestamp,
        /// Time for which the claim is remembered after its lease.
        retention: Duration,
    },
    /// A claim has seen that the lease had run out. The claim's owner is fenced.
    Abandoned {
        /// End of the lease.
        lease_until: Timestamp,
    },
    /// It has run.
    Completed {
        /// The recorded response.
        record: Record,
        /// Time until which the record is replayed. From then on the key is remembered as expired,
        /// until the entry is forgotten.
        replay_until: Timestamp,
    },
    /// It has run, and the record's time has ended. It says the same as a completed entry whose
    /// record is replayed no more, for a store that deletes the record.
    Expired {
        /// Time until which the record was replayed.
        replayed_until: Timestamp,
    },
}

/// Answer of a verb, and the note whether the entry has changed.
pub type Decided<T> = (T, Changed);

/// Note whether a verb has changed the entry. One that has not been changed need not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The entry is another one now, or is gone.
    Yes,
    /// The entry is as it was.
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
            label: request.origin.label().into(),
        }
    }

    /// True for a claim, whether or not its lease runs: somebody may wait for its end.
    pub fn is_claimed(&self) -> bool {
        matches!(self.state, State::Claimed { .. })
    }

    /// Number of bytes kept of the record.
    #[cfg(feature = "sqlite")]
    pub(super) fn record_bytes(&self) -> usize {
        match &self.state {
            State::Completed { record, .. } => record.as_bytes().len(),
            State::Claimed { .. } | State::Abandoned { .. } | State::Expired { .. } => 0,
        }
    }

    /// True until the entry's time ends. From then on the address is vacant, even if the row is not
    /// deleted yet.
    pub fn is_kept(&self, now: Timestamp) -> bool {
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
                let label = std::mem::take(&mut self.label);
                *self = Entry { label, ..Entry::claimed(request, self.attempt, now) };
                (Claim::Won { attempt: self.attempt }, Changed::Yes)
            }
            State::Claimed { lease_until, .. } if now < *lease_until => {
                (Claim::InFlight { lease_left: lease_until.since(now) }, Changed::No)
            }
            State::Claimed { .. } if request.on_abandoned == OnAbandoned::Rerun => {
                let before = std::mem::take(&mut self.label);
                *self = Entry::claimed(request, self.attempt.saturating_add(1), now);
                if self.label.is_empty() {
                    self.label = before;
                }
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

/// Decides a claim, in the order of [`Store::claim`](crate::Store::claim).
pub fn claim(entry: &mut Option<Entry>, request: &ClaimRequest, now: Timestamp) -> Decided<Claim> {
    match entry {
        Some(entry) if entry.is_kept(now) => entry.claim(request, now),
        _ => {
            *entry = Some(Entry::claimed(request, 1, now));
            (Claim::Won { attempt: 1 }, Changed::Yes)
        }
    }
}

/// Decides a renewal. See [`Store::renew`](crate::Store::renew).
pub fn renew(entry: &mut Option<Entry>, hold: &Hold, lease: Duration, now: Timestamp) -> Decided<Renewal> {
    match entry.as_mut().filter(|entry| entry.is_held_by(hold, now)) {
        Some(entry) => {
            entry.lease(now, lease);
            (Renewal::Renewed, Changed::Yes)
        }
        None => (Renewal::Fenced, Changed::No),
    }
}

/// Decides a completion, in the order of [`Store::complete`](crate::Store::complete).
pub fn complete(
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

/// Decides a release. See [`Store::release`](crate::Store::release).
pub fn release(entry: &mut Option<Entry>, hold: &Hold, now: Timestamp) -> Decided<()> {
    let held = entry.take_if(|entry| entry.is_held_by(hold, now)).is_some();
    ((), if held { Changed::Yes } else { Changed::No })
}
