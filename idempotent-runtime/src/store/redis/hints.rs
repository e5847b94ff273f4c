//! Entries that this process has seen completed. They are asked for by a plain `GET` before a
//! script is.
//!
//! A hint decides nothing: it chooses the first question that a claim asks. The reply decides. It
//! is believed only where it is a completed entry with the hint's token, since nothing else is to
//! be said then.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Clock, SystemClock},
    request::Address,
    store::{
        Hold,
        clocks::{Clocks, Moment},
    },
};

/// Number of hints that are kept: less than a megabyte.
const PLACES: usize = 8 * 1024;

/// A completed entry, of a kind that is not remembered as expired afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    /// The hold that completed the entry.
    pub(super) hold: Hold,
    /// Time until which the entry is replayed at least. Counted from before the question.
    pub(super) until: Moment,
}

/// The last hint at each place. An address has one place, so there are never more hints than
/// places.
pub(super) struct Hints {
    places: Box<[Mutex<Option<Hint>>]>,
    clocks: Clocks,
}

impl Hints {
    /// A collection that counts by this process's `clock`, and by the wall clock.
    pub(super) fn new(clock: impl Clock) -> Self {
        Self::with(PLACES, Clocks::new(clock))
    }

    /// A collection that keeps no hints.
    pub(super) fn none() -> Self {
        Self::with(0, Clocks::new(SystemClock))
    }

    fn with(places: usize, clocks: Clocks) -> Self {
        Hints { places: (0..places).map(|_| Mutex::default()).collect(), clocks }
    }

    pub(super) fn now(&self) -> Moment {
        self.clocks.now()
    }

    pub(super) fn keep(&self, hint: Hint) {
        if let Some(mut place) = self.place(&hint.hold.address) {
            *place = Some(hint);
        }
    }

    /// The hold that has completed this hold's request, and the least time that is left of the
    /// replay, if there is a hint.
    pub(super) fn find(&self, hold: &Hold) -> Option<(Hold, Duration)> {
        let hint = (*self.place(&hold.address)?)?;
        let is_same = hint.hold.address == hold.address && hint.hold.fingerprint == hold.fingerprint;
        let left = is_same.then(|| hint.until.since(self.now()))?;
        (!left.is_zero()).then_some((hint.hold, left))
    }

    pub(super) fn remove(&self, address: &Address) {
        if let Some(mut place) = self.place(address) {
            place.take_if(|hint| hint.hold.address == *address);
        }
    }

    /// The place of an address, by the part in which a key and its steps differ.
    fn place(&self, address: &Address) -> Option<MutexGuard<'_, Option<Hint>>> {
        let number = u64::from_le_bytes(*address.as_bytes()[16..].first_chunk()?);
        let place = number.checked_rem(self.places.len() as u64)?;
        let place = self.places.get(usize::try_from(place).ok()?)?;
        Some(place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RequestFingerprint, clock::ManualClock, store::Token};

    const TTL: Duration = Duration::from_secs(60);

    fn hold(number: u32) -> Hold {
        let mut address = [7; 32];
        address[16..20].copy_from_slice(&number.to_le_bytes());
        Hold {
            address: Address::from_bytes(address),
            token: Token::from_bytes([1; 16]),
            fingerprint: RequestFingerprint::from_bytes([2; 32]),
        }
    }

    fn keep(hints: &Hints, hold: Hold) {
        hints.keep(Hint { hold, until: hints.now().after(TTL) });
    }

    fn kept(hints: &Hints) -> usize {
        hints.places.iter().filter(|place| place.lock().unwrap().is_some()).count()
    }

    #[test]
    fn however_many_are_kept_they_take_less_than_a_megabyte() {
        let hints = Hints::new(SystemClock);
        let number = 10 * u32::try_from(PLACES).unwrap();
        (0..number).for_each(|number| keep(&hints, hold(number)));
        assert_eq!(kept(&hints), PLACES);
        assert!(size_of_val(&*hints.places) < 1 << 20, "{} bytes", size_of_val(&*hints.places));
        assert!(hints.find(&hold(number - 1)).is_some() && hints.find(&hold(0)).is_none());
    }

    #[test]
    fn one_is_found_for_its_own_request_only_and_not_when_it_is_removed() {
        let hints = Hints::with(1, Clocks::new(SystemClock));
        keep(&hints, hold(1));
        let retry = Hold { token: Token::from_bytes([9; 16]), ..hold(1) };
        assert_eq!(hints.find(&retry).map(|(hold, _)| hold), Some(hold(1)));
        let other = RequestFingerprint::from_bytes([3; 32]);
        assert!(
            hints.find(&hold(2)).is_none() && hints.find(&Hold { fingerprint: other, ..retry }).is_none()
        );
        hints.remove(&hold(2).address);
        assert!(hints.find(&retry).is_some());
        hints.remove(&retry.address);
        assert!(hints.find(&retry).is_none());
    }

    #[test]
    fn one_ends_with_its_entrys_time_by_whichever_clock_is_first() {
        let clocks = [ManualClock::new(), ManualClock::new()];
        for clock in &clocks {
            let hints = Hints::with(1, Clocks::of(clocks[0].clone(), clocks[1].clone()));
            keep(&hints, hold(1));
            clock.advance(TTL / 2);
            assert_eq!(hints.find(&hold(1)), Some((hold(1), TTL / 2)));
            clock.advance(TTL / 2);
            assert!(hints.find(&hold(1)).is_none());
        }
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let hints = Hints::none();
        keep(&hints, hold(1));
        assert!(hints.find(&hold(1)).is_none());
    }
}
