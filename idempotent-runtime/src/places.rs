//! Places of a process, of which no one caller gets more than its part.
//!
//! A place is taken by whoever is about to cost the process something while it waits, and given
//! back by a drop. What is kept is a number per caller that has a place now, so callers without one
//! cost nothing.

use std::collections::{HashMap, hash_map};

use foldhash::fast::RandomState;

use crate::{
    request::CallerId,
    sync::{Arc, Mutex, lock},
};

/// Greatest number of requests that wait in this process.
const WAITERS: usize = 8_192;
/// Greatest number of them that wait for one caller.
const WAITERS_OF_A_CALLER: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Places {
    all: usize,
    of_one_caller: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    // None of these is 0.
    by: HashMap<CallerId, usize, RandomState>,
}

impl Places {
    /// Places of those who wait in one process.
    pub(crate) fn of_a_process() -> Self {
        Places::new(WAITERS, WAITERS_OF_A_CALLER)
    }

    /// As many places as `all`, of which one caller may take `of_one_caller`.
    pub(crate) fn new(all: usize, of_one_caller: usize) -> Self {
        Places { all, of_one_caller, taken: Mutex::default() }
    }

    /// A place for `caller`, unless all are taken, or all that one caller may take.
    pub(crate) fn take(self: &Arc<Self>, caller: CallerId) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let callers = taken.by.get(&caller).copied().unwrap_or_default();
        let free = taken.all < self.all && callers < self.of_one_caller;
        free.then(|| {
            taken.all += 1;
            taken.by.insert(caller, callers + 1);
            Place { places: Arc::clone(self), caller }
        })
    }

    /// Number of places that are taken.
    pub(crate) fn taken(&self) -> usize {
        lock(&self.taken).all
    }

    fn give_back(&self, caller: CallerId) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        if let hash_map::Entry::Occupied(mut callers) = taken.by.entry(caller) {
            *callers.get_mut() -= 1;
            if *callers.get() == 0 {
                callers.remove();
            }
        }
    }
}

/// One of the places; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    caller: CallerId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.give_back(self.caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Principal;

    fn caller(name: &str) -> CallerId {
        CallerId::of_principal(&Principal::new(name))
    }

    fn take_and_give_back() {
        let places = Arc::new(Places::new(3, 2));
        let (one, two) = (caller("one"), caller("two"));
        let first = places.take(one).unwrap();
        let second = places.take(one).unwrap();
        assert!(places.take(one).is_none(), "a caller has all that one may take");
        let third = places.take(two).unwrap();
        assert!(places.take(two).is_none(), "all are taken");
        assert_eq!(places.taken(), 3);
        drop(first);
        let fourth = places.take(two).unwrap();
        drop((second, third, fourth));
        assert_eq!((places.taken(), lock(&places.taken).by.len()), (0, 0));
    }

    #[test]
    fn a_caller_takes_no_more_than_its_part_and_leaves_nothing_behind() {
        shuttle::check_random(take_and_give_back, 1);
    }
}
