//! A small store with one mistake, chosen by the test. Without one it conforms.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use idempotent_runtime::{
    Address, Clock, ManualClock, RequestFingerprint, Store, StoreError,
    clock::Timestamp,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, OnAbandoned, Record,
        Renewal, Resolve, ResolveRequest, Retention, Standing, Stuck, StuckCursor, StuckRequest, Token,
    },
};
use tokio::sync::Notify;

use crate::mistake::Mistake;

#[derive(Clone)]
pub(crate) struct WrongStore(Arc<Inner>);

struct Inner {
    mistake: Mistake,
    clock: ManualClock,
    entries: Mutex<Entries>,
    changed: Notify,
    /// Number of completions that are under way.
    completing: AtomicUsize,
}

#[derive(Default)]
struct Entries {
    map: HashMap<Address, Entry>,
    completed: VecDeque<Address>,
    holds_for_good: bool,
}

#[derive(Clone)]
struct Entry {
    hold: Hold,
    endpoint: &'static str,
    attempt: u32,
    state: State,
    forgotten_at: Timestamp,
}

#[derive(Clone)]
enum State {
    Claimed(Timestamp),
    Abandoned(Timestamp),
    Completed(Record, Timestamp),
}

impl WrongStore {
    pub(crate) fn new(mistake: Mistake, clock: ManualClock) -> Self {
        let holds_for_good = mistake == Mistake::HoldsForGood;
        let entries = Mutex::new(Entries { holds_for_good, ..Entries::default() });
        let (changed, completing) = (Notify::new(), AtomicUsize::new(0));
        WrongStore(Arc::new(Inner { mistake, clock, entries, changed, completing }))
    }
}

impl Inner {
    /// True where no other completion is under way.
    async fn completes_alone(&self) -> bool {
        let others = self.completing.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let all = self.completing.load(Ordering::Relaxed);
        self.completing.fetch_sub(1, Ordering::Relaxed);
        others == 0 && all == 1
    }
}

impl Store for WrongStore {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn recall(&self, address: Address, _: RequestFingerprint) -> Option<Record> {
        let entries = self.0.entries.lock().unwrap();
        match entries.map.get(&address).map(|entry| &entry.state) {
            Some(State::Completed(record, _)) if self.0.mistake == Mistake::RecallsForGood => {
                Some(record.clone())
            }
            _ => None,
        }
    }

    fn token(&self) -> Result<Token, StoreError> {
        match self.0.mistake {
            Mistake::OneToken => Ok(Token::from_bytes([1; 16])),
            _ => Token::random().map_err(|error| StoreError::unavailable("wrong", error)),
        }
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        let inner = &self.0;
        if inner.mistake != Mistake::CheckThenInsert {
            return Ok(inner.entries.lock().unwrap().claim(&request, inner));
        }
        let mut copy = Entries::default();
        let now = inner.clock.now();
        copy.map.extend(inner.entries.lock().unwrap().live(request.hold.address, now));
        tokio::task::yield_now().await;
        let claim = copy.claim(&request, inner);
        inner.entries.lock().unwrap().map.extend(copy.map);
        Ok(claim)
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        let lease_until = self.0.clock.now().after(lease);
        let is_late = |until| self.0.mistake == Mistake::RenewsNothingLate && until <= self.0.clock.now();
        match self.0.entries.lock().unwrap().standing(&hold, &self.0) {
            Some(Entry { state: State::Claimed(until), forgotten_at, .. }) if !is_late(*until) => {
                if self.0.mistake != Mistake::RenewsTheLeaseAlone {
                    *forgotten_at = lease_until.after(forgotten_at.since(*until));
                }
                *until = lease_until;
                Ok(Renewal::Renewed)
            }
            _ => Ok(Renewal::Fenced),
        }
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let inner = &self.0;
        let is_alone = inner.mistake == Mistake::HoldsForGoodAlone && inner.completes_alone().await;
        let mut entries = inner.entries.lock().unwrap();
        let usual = entries.holds_for_good;
        entries.holds_for_good |= is_alone;
        let completion = entries.complete(&hold, record, retention, inner);
        entries.holds_for_good = usual;
        inner.changed.notify_waiters();
        Ok(completion)
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        let mut entries = self.0.entries.lock().unwrap();
        if entries.standing(&hold, &self.0).is_some() {
            entries.map.remove(&hold.address);
            if self.0.mistake != Mistake::SilentRelease {
                self.0.changed.notify_waiters();
            }
        }
        Ok(())
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        let answer = self.0.entries.lock().unwrap().resolve(request, &self.0);
        self.0.changed.notify_waiters();
        Ok(answer)
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        let (mut entries, now) = (self.0.entries.lock().unwrap(), self.0.clock.now());
        let found = entries.live(address, now).map(|(address, entry)| entry.inspect(address, now));
        if self.0.mistake == Mistake::LooksLikeAClaim
            && let Some(Inspection { standing: Standing::Abandoned { .. }, .. }) = found
        {
            entries.map.entry(address).and_modify(|entry| entry.state = State::Abandoned(now));
        }
        Ok(found)
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        let answer = self.0.entries.lock().unwrap().forget(request, &self.0);
        self.0.changed.notify_waiters();
        Ok(answer)
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        let (entries, now) = (self.0.entries.lock().unwrap(), self.0.clock.now());
        let skipped = match &request.after {
            None => 0,
            Some(cursor) => {
                cursor.as_str().parse().map_err(|error| StoreError::unavailable("wrong", error))?
            }
        };
        let is_stuck = |entry: &Entry| match &entry.state {
            State::Claimed(until) => *until <= now && self.0.mistake != Mistake::ListsWhatWasSeen,
            State::Abandoned(_) => true,
            State::Completed(record, until) => now < *until && *record == request.unknown,
        };
        let is_wanted = |entry: &Entry| match &request.endpoint {
            Some(endpoint) if self.0.mistake != Mistake::ListsEveryEndpoint => entry.endpoint == endpoint,
            _ => true,
        };
        let is_listed = |entry: &Entry| now < entry.forgotten_at && is_stuck(entry) && is_wanted(entry);
        let live = entries.map.iter().filter(|(_, entry)| is_listed(entry));
        let mut all: Vec<_> = live.map(|(address, entry)| entry.inspect(*address, now)).collect();
        all.sort_by_key(|entry| (entry.kept_for, entry.address));
        let next = skipped + request.limit;
        let next = (next < all.len()).then(|| StuckCursor::new(next.to_string()));
        Ok(Stuck { entries: all.into_iter().skip(skipped).take(request.limit).collect(), next })
    }

    async fn changed(&self, address: Address) {
        loop {
            let changed = self.0.changed.notified();
            let is_claimed = |entry: &Entry| matches!(entry.state, State::Claimed(_));
            if !self.0.entries.lock().unwrap().map.get(&address).is_some_and(is_claimed) {
                return;
            }
            changed.await;
        }
    }
}

impl Entry {
    fn is_running(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Claimed(until) if now < until)
    }

    fn inspect(&self, address: Address, now: Timestamp) -> Inspection {
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
            endpoint: self.endpoint.into(),
        }
    }
}

impl Entries {
    fn live(&self, address: Address, now: Timestamp) -> Option<(Address, Entry)> {
        let entry = self.map.get(&address).filter(|entry| now < entry.forgotten_at)?;
        Some((address, entry.clone()))
    }

    fn standing(&mut self, hold: &Hold, inner: &Inner) -> Option<&mut Entry> {
        let entry = self.map.get_mut(&hold.address)?;
        let is_kept = inner.clock.now() < entry.forgotten_at || self.holds_for_good;
        let is_held = matches!(entry.state, State::Claimed(_)) && entry.hold.token == hold.token;
        (is_kept && is_held).then_some(entry)
    }

    fn claim(&mut self, request: &ClaimRequest, inner: &Inner) -> Claim {
        let now = inner.clock.now();
        let lease_until = now.after(request.lease);
        let mut won = Entry {
            hold: request.hold,
            endpoint: request.origin.endpoint(),
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
                if repeated || inner.mistake == Mistake::KeepsTheFirstEndpoint {
                    won.endpoint = entry.endpoint;
                }
                won.attempt = entry.attempt + u32::from(!repeated);
                let attempt = won.attempt;
                self.map.insert(address, won);
                Claim::Won { attempt }
            }
        }
    }

    fn complete(&mut self, hold: &Hold, record: Record, retention: Retention, inner: &Inner) -> Completion {
        let now = inner.clock.now();
        let until = now.after(retention.replay);
        if self.standing(hold, inner).is_none() && inner.mistake != Mistake::UnfencedComplete {
            return self.verdict_on(hold, inner);
        }
        let state = State::Completed(record, until);
        let before = self.map.get(&hold.address);
        let attempt = before.map_or(1, |entry| entry.attempt);
        let endpoint = before.filter(|_| inner.mistake != Mistake::LosesTheEndpoint);
        let endpoint = endpoint.map_or("", |entry| entry.endpoint);
        let forgotten_at = until.after(retention.remember);
        let entry = Entry { hold: *hold, endpoint, attempt, state, forgotten_at };
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

    fn verdict_on(&self, hold: &Hold, inner: &Inner) -> Completion {
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

    fn resolve(&mut self, request: ResolveRequest, inner: &Inner) -> Resolve {
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

    fn forget(&mut self, request: ForgetRequest, inner: &Inner) -> Forget {
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
