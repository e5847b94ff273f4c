//! A claim without an outcome: running, or abandoned.

use std::time::Duration;

use super::change::ENTRY;
use crate::{
    clock::Timestamp,
    request::{Address, RequestFingerprint},
    store::{Claim, ClaimRequest, Hold, Inspection, OnAbandoned, Origin, Resolve, Standing, Token},
    sync::Arc,
    watch::Watch,
};

#[derive(Debug)]
pub(super) struct Claimed {
    fingerprint: RequestFingerprint,
    state: State,
    attempt: u32,
    lease_until: Timestamp,
    retention: Duration,
    origin: Origin,
    watch: Option<Arc<Watch<bool>>>,
}

#[derive(Debug)]
enum State {
    Claimed(Token),
    Abandoned(Token),
}

impl Claimed {
    /// Bytes that a claim counts for in the budget.
    pub(super) const BYTES: u64 = ENTRY;

    pub(super) fn new(request: &ClaimRequest, now: Timestamp) -> Self {
        Claimed {
            fingerprint: request.hold.fingerprint,
            state: State::Claimed(request.hold.token),
            attempt: 1,
            lease_until: now.after(request.lease),
            retention: request.retention,
            origin: request.origin,
            watch: None,
        }
    }

    /// True where the hold stands.
    pub(super) fn is_held_by(&self, hold: &Hold, now: Timestamp) -> bool {
        self.is_claimed_by(hold) && self.is_remembered(now)
    }

    fn is_claimed_by(&self, hold: &Hold) -> bool {
        matches!(self.state, State::Claimed(token) if token == hold.token)
    }

    /// True while the claim still counts: its lease and then its retention run.
    pub(super) fn is_remembered(&self, now: Timestamp) -> bool {
        now < self.forgotten_at()
    }

    pub(super) fn lease(&mut self, now: Timestamp, lease: Duration) {
        self.lease_until = now.after(lease);
    }

    /// Decides a claim on this one, which still counts.
    pub(super) fn claim(&mut self, request: &ClaimRequest, now: Timestamp) -> Claim {
        if self.fingerprint != request.hold.fingerprint {
            return Claim::Reused;
        }
        match self.state {
            State::Abandoned(_) => Claim::Abandoned,
            State::Claimed(_) if self.is_claimed_by(&request.hold) => {
                self.retention = request.retention;
                self.lease(now, request.lease);
                Claim::Won { attempt: self.attempt }
            }
            State::Claimed(_) if now < self.lease_until => {
                Claim::InFlight { lease_left: self.lease_until.since(now) }
            }
            State::Claimed(_) => self.lapse(request, now),
        }
    }

    /// Caller who claimed first, for whose share the claim counts; and the endpoint of the claim
    /// that was won last.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    fn token(&self) -> Token {
        let (State::Claimed(token) | State::Abandoned(token)) = self.state;
        token
    }

    /// True while the entry is claimed and its lease runs.
    pub(super) fn is_running(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Claimed(_)) && now < self.lease_until
    }

    /// Time at which the lease ends unless it is renewed.
    pub(super) fn lease_until(&self) -> Timestamp {
        self.lease_until
    }

    pub(super) fn forgotten_at(&self) -> Timestamp {
        self.lease_until.after(self.retention)
    }

    /// Time at which the claim is forgotten, if it still counts and nobody runs it.
    pub(super) fn forgotten_if_lapsed(&self, now: Timestamp) -> Option<Timestamp> {
        (self.is_remembered(now) && !self.is_running(now)).then(|| self.forgotten_at())
    }

    /// Everything known of the claim, if it still counts.
    pub(super) fn inspect(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        let standing = if self.is_running(now) {
            Standing::Running { lease_left: self.lease_until.since(now) }
        } else {
            Standing::Abandoned { lapsed: now.since(self.lease_until) }
        };
        let (token, attempt, kept_for) = (self.token(), self.attempt, self.forgotten_at().since(now));
        let (label, fingerprint) = (self.origin.label().into(), self.fingerprint);
        let found = Inspection { address, token, attempt, standing, kept_for, label, fingerprint };
        self.is_remembered(now).then_some(found)
    }

    /// The request that a resolution ends here, and the time for which it is remembered. Or the
    /// resolution's answer, where nothing is ended.
    pub(super) fn resolvable(&self, now: Timestamp) -> Result<(RequestFingerprint, Duration), Resolve> {
        match self.state {
            _ if !self.is_remembered(now) => Err(Resolve::Vacant),
            _ if self.is_running(now) => Err(Resolve::Running { lease_left: self.lease_until.since(now) }),
            _ => Ok((self.fingerprint, self.forgotten_at().since(now))),
        }
    }

    fn lapse(&mut self, request: &ClaimRequest, now: Timestamp) -> Claim {
        match request.on_abandoned {
            OnAbandoned::Refuse => {
                self.state = State::Abandoned(self.token());
                self.wake();
                Claim::Abandoned
            }
            OnAbandoned::Rerun => {
                self.state = State::Claimed(request.hold.token);
                self.attempt = self.attempt.saturating_add(1);
                self.retention = request.retention;
                self.origin = self.origin.at(request.origin);
                self.lease(now, request.lease);
                Claim::Won { attempt: self.attempt }
            }
        }
    }

    /// Flag that changes when this claim ends. An abandoned claim has none, since it does not
    /// change.
    pub(super) fn watch(&mut self) -> Option<Arc<Watch<bool>>> {
        match self.state {
            State::Claimed(_) => {
                Some(Arc::clone(self.watch.get_or_insert_with(|| Arc::new(Watch::new(false)))))
            }
            State::Abandoned(_) => None,
        }
    }

    pub(super) fn wake(&self) {
        if let Some(watch) = &self.watch {
            watch.update(true);
        }
    }
}
