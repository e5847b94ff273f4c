//! Warnings of keys that an operator may have to look at, one per key and handler.
//!
//! A client may retry such a key for as long as it likes, so the warnings that were given are
//! remembered, as a bounded number of hashes.

use std::{
    collections::{HashSet, VecDeque},
    hash::BuildHasher,
    sync::{LazyLock, Mutex, PoisonError},
};

use foldhash::quality::RandomState;

use crate::{reason::RefusalCode, request::Address};

/// Number of warnings that are remembered. One that was forgotten is given again.
const REMEMBERED: usize = 4096;

static GIVEN: LazyLock<Given> = LazyLock::new(Given::default);

/// Warns that the execution at `address` has taken over from one that died.
pub(crate) fn taken_over(handler: &str, endpoint: &str, address: Address, attempt: u32) {
    if GIVEN.is_new(Warning::TakenOver, handler, address) {
        tracing::warn!(
            handler,
            endpoint,
            %address,
            attempt,
            "an execution has taken over from one that died"
        );
    }
}

/// Warns of a key whose requests are refused because nobody knows its outcome.
pub(crate) fn refused<'a>(
    handler: &str,
    endpoint: impl FnOnce() -> &'a str,
    address: Address,
    code: RefusalCode,
) {
    if code == RefusalCode::OutcomeUnknown && GIVEN.is_new(Warning::OutcomeUnknown, handler, address) {
        tracing::warn!(
            handler,
            endpoint = endpoint(),
            %address,
            "nobody knows how an earlier execution ended: retries get `outcome_unknown` until the key of this address expires, or \
             is ended with `Idempotency::resolve` or `forget` (`POST /idempotency/resolve` or `forget` of the admin scope)"
        );
    }
}

#[derive(Hash)]
enum Warning {
    TakenOver,
    OutcomeUnknown,
}

/// Warnings that have been given.
#[derive(Default)]
struct Given {
    secret: RandomState,
    recent: Mutex<Recent>,
}

impl Given {
    fn is_new(&self, warning: Warning, handler: &str, address: Address) -> bool {
        let hash = self.secret.hash_one((warning, handler, address));
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }
}

/// The last of many hashes.
#[derive(Default)]
struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Recent {
    /// Adds `hash`. True where it was not among them.
    fn insert(&mut self, hash: u64) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_warnings_is_remembered_and_the_oldest_is_given_again() {
        let mut recent = Recent::default();
        let all = REMEMBERED as u64;
        for round in 0..3 {
            assert!((0..all).all(|hash| recent.insert(hash) == (round == 0)));
        }
        assert!(recent.insert(all), "one more");
        assert!(recent.insert(0), "the oldest was forgotten");
        assert!(!recent.insert(2) && !recent.insert(all));
        assert_eq!((recent.known.len(), recent.order.len()), (REMEMBERED, REMEMBERED));
    }
}
