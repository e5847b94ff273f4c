//! A small store with one mistake, chosen by the test. Without one it conforms.

mod entries;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use idempotent_runtime::{
    Address, Clock, ManualClock, RequestFingerprint, Store, StoreError,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
        ResolveRequest, Retention, Standing, Stuck, StuckCursor, StuckRequest, Token,
    },
};
use tokio::sync::Notify;

use self::entries::{Entries, Entry, State};
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
            Some(endpoint) if self.0.mistake != Mistake::ListsEveryEndpoint => {
                entry.label.trim_start_matches(char::is_control) == endpoint
            }
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
