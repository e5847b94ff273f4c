//! One shard's completed requests, and the times at which they have to go.

use super::{budget::Budget, change::Change, entry::Entry, expiry::Expiry, order::Order};
use crate::{clock::Timestamp, request::Address, shards::AddressMap};

const NEVER: Timestamp = Timestamp::from_millis(u64::MAX);

/// Below this many entries a map keeps its size.
const SMALL: usize = 64;

// An address is in `entries`, in `expiry` and, where there is an order, in the order; or in none of
// them.
#[derive(Debug)]
pub(super) struct Completed {
    // A map of pointers is small beside what they point to, and cheap to grow.
    entries: AddressMap<Box<Entry>>,
    expiry: Expiry,
    // Nothing is due before.
    nothing_due_before: Timestamp,
    order: Option<Order>,
}

impl Completed {
    /// The completed requests of a shard. There is an `order` where the oldest entries make room
    /// for new ones.
    pub(super) fn new(order: Option<Order>) -> Self {
        Completed {
            entries: AddressMap::default(),
            expiry: Expiry::default(),
            nothing_due_before: NEVER,
            order,
        }
    }

    /// The entry at `address`, whether or not its time has ended.
    pub(super) fn get(&self, address: &Address) -> Option<&Entry> {
        self.entries.get(address).map(|entry| &**entry)
    }

    /// The entry at `address`, if its time has not ended.
    pub(super) fn find(&self, address: &Address, now: Timestamp) -> Option<&Entry> {
        self.get(address).filter(|entry| entry.is_kept(now))
    }

    /// All entries, whether or not their time has ended.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Address, &Entry)> {
        self.entries.iter().map(|(address, entry)| (address, &**entry))
    }

    /// The entries that become due after `last`, in that order.
    pub(super) fn due_after(
        &self,
        last: Option<(Timestamp, u64)>,
    ) -> impl Iterator<Item = ((Timestamp, u64), &Address, &Entry)> {
        self.expiry.after(last).filter_map(|(due, address)| Some((due, address, self.get(address)?)))
    }

    /// Puts an entry in the place of one whose time has ended, if there is one.
    pub(super) fn insert(&mut self, address: Address, entry: Box<Entry>, budget: &Budget) {
        self.set_due(&address, &entry);
        if let Some(order) = &mut self.order {
            order.insert(entry.serial(), address);
            budget.insert(entry.caller(), entry.serial(), order.shard());
        }
        if let Some(replaced) = self.entries.insert(address, entry) {
            self.forget(&replaced, budget);
        }
    }

    fn set_due(&mut self, address: &Address, entry: &Entry) {
        self.nothing_due_before = self.nothing_due_before.min(entry.due());
        self.expiry.insert(entry.due(), entry.serial(), *address);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn remove(&mut self, address: &Address, budget: &Budget) -> Option<Box<Entry>> {
        let entry = self.entries.remove(address)?;
        self.forget(&entry, budget);
        self.shrink();
        Some(entry)
    }

    /// Takes an entry that is gone out of every index and out of the budget.
    fn forget(&mut self, entry: &Entry, budget: &Budget) {
        self.expiry.remove(entry.due(), entry.serial());
        if let Some(order) = &mut self.order {
            order.remove(entry.serial());
            budget.remove(entry.caller(), entry.serial());
        }
        budget.change(entry.caller(), Change::fewer(entry.bytes()));
    }

    /// Gives memory back where the map is mostly empty.
    fn shrink(&mut self) {
        let (entries, room) = (self.entries.len(), self.entries.capacity());
        if room > SMALL && entries < room / 8 {
            self.entries.shrink_to(entries * 2);
        }
    }

    /// Drops records and entries whose time has ended, `most` at most. Gives the number dropped.
    pub(super) fn expire(&mut self, now: Timestamp, most: usize, budget: &Budget) -> usize {
        let mut dropped = 0;
        while dropped < most && self.nothing_due_before <= now {
            match self.expiry.first() {
                Some((due, address)) if due <= now => {
                    self.end(&address, now, budget);
                    dropped += 1;
                }
                later => self.nothing_due_before = later.map_or(NEVER, |(due, _)| due),
            }
        }
        dropped
    }

    /// Ends an entry that is due: all of it goes, or only its record where the key is remembered as
    /// expired.
    fn end(&mut self, address: &Address, now: Timestamp, budget: &Budget) {
        let Some(entry) = self.entries.get_mut(address).filter(|entry| entry.is_kept(now)) else {
            self.remove(address, budget);
            return;
        };
        self.expiry.remove(entry.due(), entry.serial());
        budget.change(entry.caller(), Change::fewer(entry.drop_record()));
        self.expiry.insert(entry.due(), entry.serial(), *address);
    }

    /// Drops the entry with this serial number, if it is still there.
    pub(super) fn evict(&mut self, serial: u64, now: Timestamp, budget: &Budget) {
        let Some(address) = self.order.as_ref().and_then(|order| order.find(serial)) else { return };
        if self.remove(&address, budget).is_some_and(|entry| entry.is_live(now)) {
            budget.count_eviction();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        request::{CallerId, Endpoint, Principal, RequestFingerprint},
        store::{
            Hold, Origin, Record, Retention, Token, WhenFull,
            memory::{change::ENTRY, order::Oldest},
        },
        sync::Arc,
    };

    const SECOND: Duration = Duration::from_secs(1);
    const CALLERS: u64 = 3;

    fn hold(address: u8) -> Hold {
        Hold {
            address: Address::from_bytes([address; 32]),
            token: Token::from_bytes([1; 16]),
            fingerprint: RequestFingerprint::from_bytes([2; 32]),
        }
    }

    /// Claims of some callers, and of nobody in particular.
    fn origin(number: u32) -> Origin {
        match u64::from(number) % (CALLERS + 1) {
            0 => Origin::default(),
            name => {
                let principal = Principal::new(name.to_string());
                Origin::new(Endpoint::default(), CallerId::of_principal(&principal))
            }
        }
    }

    fn retention(number: u32) -> Retention {
        Retention { replay: SECOND * (1 + number * 7 % 13), remember: SECOND * (number * 5 % 3) }
    }

    /// Number of entries. Every index has to say the same.
    fn len(completed: &Completed) -> usize {
        let (entries, order) = (completed.entries.len(), completed.order.as_ref().unwrap().len());
        assert_eq!((completed.expiry.len(), order), (entries, entries));
        entries
    }

    fn churn() {
        let budget = Budget::new(u64::MAX, 50, WhenFull::EvictOldest);
        let oldest = Arc::new(Oldest::new());
        let mut completed = Completed::new(Some(Order::new(&oldest, 3)));
        let mut now = Timestamp::from_millis(0);
        for number in 0..2_000_u32 {
            let hold = hold(u8::try_from(number * 3 % 101).unwrap());
            completed.expire(now, 2, &budget);
            if completed.find(&hold.address, now).is_none() {
                let mut entry = Entry::new(&hold, &Record::from_bytes(vec![0; 10]), retention(number), now);
                let origin = origin(number);
                entry.enter(number.into(), origin);
                budget.reserve_claim(origin.caller()).unwrap();
                budget.change(origin.caller(), Change::completed(entry.bytes()));
                completed.insert(hold.address, Box::new(entry), &budget);
            }
            if number % 10 == 0 {
                completed.evict(oldest.of_all().unwrap().1, now, &budget);
            }
            let count = len(&completed);
            assert!(count < 60, "{count}");
            assert!(budget.used() <= count as u64 * (ENTRY + 10) + CALLERS * 256);
            now = now.after(SECOND / 5);
        }
        assert!(budget.evicted() > 0);
        completed.expire(now.after(SECOND * 60), usize::MAX, &budget);
        assert_eq!((len(&completed), budget.used(), oldest.of_all()), (0, 0, None));
        assert!(completed.entries.capacity() < 200);
    }

    #[test]
    fn no_index_and_no_byte_is_left_behind_under_churn_with_mixed_ttls() {
        shuttle::check_random(churn, 1);
    }

    #[test]
    fn a_remembered_entry_gives_its_record_back_when_it_expires_and_the_rest_later() {
        shuttle::check_random(
            || {
                let budget = Budget::new(u64::MAX, 50, WhenFull::Refuse);
                let mut completed = Completed::new(None);
                let (hold, start) = (hold(1), Timestamp::from_millis(1));
                let retention = Retention { replay: SECOND, remember: SECOND };
                let entry = Entry::new(&hold, &Record::from_bytes(vec![0; 100]), retention, start);
                budget.reserve_claim(None).unwrap();
                budget.change(None, Change::completed(entry.bytes()));
                completed.insert(hold.address, Box::new(entry), &budget);
                assert_eq!(budget.used(), ENTRY + 100);
                completed.expire(start.after(SECOND), 1, &budget);
                assert_eq!(budget.used(), ENTRY);
                assert!(completed.find(&hold.address, start.after(SECOND)).is_some());
                completed.expire(start.after(SECOND * 2), 1, &budget);
                assert_eq!(budget.used(), 0);
            },
            1,
        );
    }
}
