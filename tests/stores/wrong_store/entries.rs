//! The entries of the store, and its answers to the verbs that change them.

use std::collections::{HashMap, VecDeque};

use idempotent_runtime::{
    Address, Clock,
    clock::Timestamp,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, OnAbandoned, Record,
        Resolve, ResolveRequest, Retention, Standing,
    },
};

use super::Inner;
use crate::mistake::Mistake;

#[derive(Default)]
pub(super) struct Entries {
    pub(super) map: HashMap<Address, Entry>,
    pub(super) completed: VecDeque<Address>,
    pub(super) holds_for_good: bool,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) hold: Hold,
    pub(super) label: &'static str,
    pub(super) attempt: u32,
    pub(super) state: State,
    pub(super) forgotten_at: Timestamp,
}

#[derive(Clone)]
pub(super) enum State {
    Claimed(Timestamp),
    Abandoned(Timestamp),
    Completed(Record, Timestamp),
}

impl Entry {
    pub(super) fn is_running(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Claimed(until) if now < until)
    }

    pub(super) fn inspect(&self, address: Address, now: Timestamp) -> Inspection {
        let standing = match &self.state {
            State::Claimed(until) if now < *until => Standing::Running { lease_left: until.since(now) },
            State::Claimed(until) | State::Abandoned(until) => {
                Standing::Abandoned { lapsed: now.since(*until) }
            }
            State::Completed(record, until) if now < *until => {
                Standing::Completed { record: record.clone(), left: until.since(now) }
            }
            State::Completed(..) => Standing::Expired,
        };
        let kept_for = self.forgotten_at.since(now);
        Inspection {
            address,
            token: self.hold.token,
            attempt: self.attempt,
            standing,
            kept_for,
            label: self.label.into(),
            fingerprint: self.hold.fingerprint,
        }
    }
}

impl Entries {
    pub(super) fn live(&self, address: Address, now: Timestamp) -> Option<(Address, Entry)> {
        let entry = self.map.get(&address).filter(|entry| now < entry.forgotten_at)?;
        Some((address, entry.clone()))
    }

    pub(super) fn standing(&mut self, hold: &Hold, inner: &Inner) -> Option<&mut Entry> {
        let entry = self.map.get_mut(&hold.address)?;
        let is_kept = inner.clock.now() < entry.forgotten_at || self.holds_for_good;
        let is_held = matches!(entry.state, State::Claimed(_)) && entry.hold.token == hold.token;
        (is_kept && is_held).then_some(entry)
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest, inner: &Inner) -> Claim {
        let now = inner.clock.now();
        let lease_until = now.after(request.lease);
        let mut won = Entry {
            hold: request.hold,
            label: request.origin.label(),
            attempt: 1,
            state: State::Claimed(lease_until),
            forgotten_at: lease_until.after(request.retention),
        };
        let address = request.hold.address;
        let Some((_, entry)) = self.live(address, now) else {
            let forgotten =
                self.map.get(&address).filter(|_| inner.mistake == Mistake::CountsForgottenAttempts);
            won.attempt = forgotten.map_or(1, |entry| entry.attempt + 1);
            let attempt = won.attempt;
            self.map.insert(address, won);
            return Claim::Won { attempt };
        };
        if entry.hold.fingerprint != request.hold.fingerprint && inner.mistake != Mistake::IgnoresFingerprint
        {
            return Claim::Reused;
        }
        let repeated = entry.hold.token == request.hold.token && inner.mistake != Mistake::UnrepeatableClaim;
        match entry.state {
            State::Completed(record, until)
                if now < until || now == until && inner.mistake == Mistake::ReplaysAtTheEnd =>
            {
                Claim::Replay { record, left: until.since(now) }
            }
            State::Completed(..) => Claim::Expired,
            State::Abandoned(_) => Claim::Abandoned,
            State::Claimed(until) if now < until && !repeated => {
                Claim::InFlight { lease_left: until.since(now) }
            }
            State::Claimed(until) if !repeated && request.on_abandoned == OnAbandoned::Refuse => {
                self.map.insert(address, Entry { state: State::Abandoned(until), ..entry });
                inner.changed.notify_waiters();
                Claim::Abandoned
            }
            State::Claimed(until) => {
                let keeps =
                    if repeated { Mistake::KeepsFirstRetention } else { Mistake::TakesOverItsRetention };
                if inner.mistake == keeps {
                    won.forgotten_at = lease_until.after(entry.forgotten_at.since(until));
                }
                let keeps = repeated || inner.mistake == Mistake::KeepsTheFirstEndpoint;
                if keeps || won.label.is_empty() {
                    won.label = entry.label;
                }
                won.attempt = entry.attempt + u32::from(!repeated);
                let attempt = won.attempt;
                self.map.insert(address, won);
                Claim::Won { attempt }
            }
        }
    }

    pub(super) fn complete(
        &mut self,
        hold: &Hold,
        record: Record,
        retention: Retention,
        inner: &Inner,
    ) -> Completion {
        let now = inner.clock.now();
        let until = now.after(retention.replay);
        if self.standing(hold, inner).is_none() && inner.mistake != Mistake::UnfencedComplete {
            return self.verdict_on(hold, inner);
        }
        let state = State::Completed(record, until);
        let before = self.map.get(&hold.address);
        let attempt = before.map_or(1, |entry| entry.attempt);
        let label = before.filter(|_| inner.mistake != Mistake::LosesTheEndpoint);
        let label = label.map_or("", |entry| entry.label);
        let forgotten_at = until.after(retention.remember);
        let entry = Entry { hold: *hold, label, attempt, state, forgotten_at };
        self.map.insert(hold.address, entry);
        self.completed.push_back(hold.address);
        if let Mistake::Forgetful(kept) = inner.mistake
            && self.completed.len() > kept
            && let Some(oldest) = self.completed.pop_front()
        {
            self.map.remove(&oldest);
        }
        Completion::Stored
    }

    pub(super) fn verdict_on(&self, hold: &Hold, inner: &Inner) -> Completion {
        let now = inner.clock.now();
        let entry = self.map.get(&hold.address);
        let kept = entry.filter(|entry| now < entry.forgotten_at || inner.mistake == Mistake::StoredForGood);
        let Some(Entry { state: State::Completed(record, until), hold: winner, .. }) = kept else {
            return Completion::Fenced(None);
        };
        let is_live = now < *until;
        if winner.token == hold.token && (is_live || inner.mistake != Mistake::FencesItsOwner) {
            return Completion::Stored;
        }
        let is_told = is_live && winner.fingerprint == hold.fingerprint;
        Completion::Fenced(is_told.then(|| record.clone()))
    }

    pub(super) fn resolve(&mut self, request: ResolveRequest, inner: &Inner) -> Resolve {
        let now = inner.clock.now();
        let Some((address, mut entry)) = self.live(request.address, now) else { return Resolve::Vacant };
        let until = match &entry.state {
            State::Completed(_, until) if now >= *until => return Resolve::Expired,
            State::Completed(..) if entry.hold.token == request.token => return Resolve::Done,
            State::Completed(record, _)
                if request.instead_of.as_ref() != Some(record)
                    && inner.mistake != Mistake::ResolvesAnyRecord =>
            {
                return Resolve::Completed(record.clone());
            }
            State::Completed(_, until) => *until,
            State::Claimed(until) if now < *until => {
                return Resolve::Running { lease_left: until.since(now) };
            }
            State::Claimed(_) | State::Abandoned(_) => entry.forgotten_at,
        };
        let Some(record) = request.outcome else {
            self.map.remove(&address);
            return Resolve::Done;
        };
        if inner.mistake != Mistake::ResolvesForTheOwner {
            entry.hold.token = request.token;
        }
        if inner.mistake == Mistake::RemembersNothingReplaced {
            entry.forgotten_at = until;
        }
        entry.state = State::Completed(record, until);
        self.map.insert(address, entry);
        Resolve::Done
    }

    pub(super) fn forget(&mut self, request: ForgetRequest, inner: &Inner) -> Forget {
        let now = inner.clock.now();
        let Some((address, entry)) = self.live(request.address, now) else { return Forget::Vacant };
        if entry.hold.token != request.token && inner.mistake != Mistake::ForgetsAnyEntry {
            return Forget::Another;
        }
        let stage = entry.inspect(address, now).standing.stage();
        if stage != request.stage && inner.mistake != Mistake::ForgetsLateRecords {
            return Forget::Another;
        }
        if let State::Claimed(until) = entry.state
            && now < until
            && inner.mistake != Mistake::ForgetsWhatRuns
        {
            return Forget::Running { lease_left: until.since(now) };
        }
        self.map.remove(&address);
        if inner.mistake != Mistake::ForgetsNoSteps {
            let is_beneath = |other: &Address| other.as_bytes()[..16] == address.as_bytes()[..16];
            self.map.retain(|other, entry| !is_beneath(other) || entry.is_running(now));
        }
        Forget::Done
    }
}
