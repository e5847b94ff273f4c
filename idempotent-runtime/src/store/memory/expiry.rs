//! Times at which each of a shard's entries is due: to drop its record, or all of it.

use std::{
    collections::{BTreeMap, VecDeque, btree_map},
    mem,
};

use crate::{clock::Timestamp, request::Address};

/// Length of one span of time, as a power of 2 in milliseconds: about 16 seconds. The entries of
/// one run are due within one span.
const SPAN: u32 = 14;

// As a rule a run grows at its end, since entries of one ttl become due in the order in which they
// complete. The run that was added to last is at hand. So an entry usually costs no search, and no
// look at memory that has not been used lately.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    last: (u64, Run),
    // None of these runs is empty, and none is of the span of `last`.
    others: BTreeMap<u64, Run>,
}

/// Entries that are due within one span, in order.
type Run = VecDeque<Item>;

#[derive(Clone, Copy, Debug)]
struct Item {
    due: Timestamp,
    serial: u64,
    address: Address,
}

impl Item {
    fn order(&self) -> (Timestamp, u64) {
        (self.due, self.serial)
    }
}

fn span(due: Timestamp) -> u64 {
    due.as_millis() >> SPAN
}

impl Expiry {
    /// Adds the entry at `address`, with this serial number, which is due at `due`.
    pub(super) fn insert(&mut self, due: Timestamp, serial: u64, address: Address) {
        let run = self.at_hand(span(due));
        let item = Item { due, serial, address };
        match run.back() {
            Some(back) if back.order() > item.order() => {
                run.insert(run.partition_point(|other| other.order() < item.order()), item);
            }
            _ => run.push_back(item),
        }
    }

    fn at_hand(&mut self, span: u64) -> &mut Run {
        if self.last.0 != span {
            let run = self.others.remove(&span).unwrap_or_default();
            let (left, run) = mem::replace(&mut self.last, (span, run));
            if !run.is_empty() {
                self.others.insert(left, run);
            }
        }
        &mut self.last.1
    }

    /// Removes the entry that was due then. It is gone, or due at another time.
    pub(super) fn remove(&mut self, due: Timestamp, serial: u64) {
        let span = span(due);
        if self.last.0 == span {
            remove(&mut self.last.1, due, serial);
        } else if let btree_map::Entry::Occupied(mut run) = self.others.entry(span) {
            remove(run.get_mut(), due, serial);
            if run.get().is_empty() {
                run.remove();
            }
        }
    }

    /// The entry that is due first, and its time.
    pub(super) fn first(&self) -> Option<(Timestamp, Address)> {
        let other = self.others.first_key_value().and_then(|(_, run)| run.front());
        let first = self.last.1.front().into_iter().chain(other).min_by_key(|item| item.order());
        first.map(|item| (item.due, item.address))
    }

    /// The entries that are due after `last`, in order: time, serial number and address.
    pub(super) fn after(
        &self,
        last: Option<(Timestamp, u64)>,
    ) -> impl Iterator<Item = ((Timestamp, u64), &Address)> {
        let from = last.map_or(0, |(due, _)| span(due));
        let (at_hand, run) = (self.last.0, &self.last.1);
        let before = self.others.range(from..at_hand.max(from)).map(|(_, run)| run);
        let behind = self.others.range(at_hand.max(from)..).map(|(_, run)| run);
        let runs = before.chain((at_hand >= from).then_some(run)).chain(behind);
        let items = runs.flat_map(move |run| {
            let first = run.partition_point(|item| Some(item.order()) <= last);
            run.range(first..)
        });
        items.map(|item| (item.order(), &item.address))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.1.len() + self.others.values().map(Run::len).sum::<usize>()
    }
}

fn remove(run: &mut Run, due: Timestamp, serial: u64) {
    if let Ok(at) = run.binary_search_by_key(&(due, serial), Item::order) {
        run.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(serial: u64) -> Address {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&serial.to_be_bytes());
        Address::from_bytes(bytes)
    }

    /// Times in and out of order, within a span and over many.
    fn time(serial: u64) -> Timestamp {
        let ttl = [10, 11_000, 3_600_000, 86_400_000][(serial * 7 % 4) as usize];
        Timestamp::from_millis(serial * 97 + serial * 31 % 89 + ttl)
    }

    #[test]
    fn what_is_due_first_is_found_first_among_mixed_ttls() {
        let (mut expiry, mut expected) = (Expiry::default(), BTreeMap::new());
        for serial in 0..3_000 {
            expiry.insert(time(serial), serial, address(serial));
            expected.insert((time(serial), serial), address(serial));
            if serial % 3 == 0 {
                let gone = serial * 5 % (serial + 1);
                expiry.remove(time(gone), gone);
                expected.remove(&(time(gone), gone));
            }
            assert_eq!(expiry.len(), expected.len());
            let first = expected.first_key_value().map(|((due, _), address)| (*due, *address));
            assert_eq!(expiry.first(), first);
            if serial % 100 == 0 {
                let last = expected.keys().nth(expected.len() / 3).copied();
                let behind = expected.iter().filter(|(order, _)| Some(**order) > last);
                assert!(expiry.after(last).eq(behind.map(|(order, address)| (*order, address))));
                assert!(expiry.after(None).eq(expected.iter().map(|(order, address)| (*order, address))));
            }
        }
        while let Some(((time, serial), address)) = expected.pop_first() {
            assert_eq!(expiry.first(), Some((time, address)));
            expiry.remove(time, serial);
        }
        assert_eq!((expiry.first(), expiry.len(), expiry.others.len()), (None, 0, 0));
    }

    #[test]
    fn entries_of_one_time_are_told_apart() {
        let (mut expiry, time) =
            (Expiry::default(), Timestamp::from_millis(1).after(Duration::from_secs(60)));
        for serial in [2, 0, 1] {
            expiry.insert(time, serial, address(serial));
        }
        expiry.remove(time, 0);
        assert_eq!((expiry.first(), expiry.len()), (Some((time, address(1))), 2));
    }
}
