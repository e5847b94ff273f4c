//! The flights under way in this process.

use super::{Ending, Phase};
use crate::{
    request::{Address, RequestFingerprint},
    shards::Shards,
    sync::{Arc, AtomicUsize, Ordering},
    watched::{Seat, Watched},
};

/// How many may wait for one flight.
pub(crate) const FOLLOWERS_PER_FLIGHT: usize = 1024;
/// How many may wait in this process.
pub(crate) const WAITERS_PER_PROCESS: usize = 8192;

type Flight = Watched<Phase>;

#[derive(Clone, Debug)]
pub(crate) struct Flights(Arc<Table>);

#[derive(Debug)]
struct Table {
    flights: Shards<Arc<Flight>>,
    waiters: Arc<AtomicUsize>,
}

/// What a request finds when it enters.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Nobody is there: it leads.
    Lead(Lead),
    /// Somebody leads: it follows.
    Follow(Follower),
    /// Somebody leads, and nobody else may wait.
    Crowded,
}

impl Flights {
    /// An empty table; `waiters` counts all who wait in this process, at whichever table.
    pub(crate) fn new(waiters: Arc<AtomicUsize>) -> Self {
        Flights(Arc::new(Table { flights: Shards::new(), waiters }))
    }

    /// Joins the flight at `address`, or starts it.
    pub(crate) fn enter(&self, address: Address) -> Entry {
        let mut shard = self.0.flights.lock(&address);
        if let Some(flight) = shard.get(&address) {
            let flight = Arc::clone(flight);
            drop(shard);
            return self.follow(&flight).map_or(Entry::Crowded, Entry::Follow);
        }
        let flight = Arc::new(Watched::new(Phase::Claiming));
        shard.insert(address, Arc::clone(&flight));
        Entry::Lead(Lead { table: Arc::clone(&self.0), flight, address, ended: false })
    }

    fn follow(&self, flight: &Arc<Flight>) -> Option<Follower> {
        let place = self.place()?;
        let seat = flight.join(FOLLOWERS_PER_FLIGHT)?;
        Some(Follower { seat, _place: place })
    }

    /// A place among those who wait in this process, if there is one.
    pub(crate) fn place(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.0.waiters));
        let taken = self.0.waiters.fetch_add(1, Ordering::Relaxed);
        (taken < WAITERS_PER_PROCESS).then_some(place)
    }
}

/// One of the places for waiters; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for a flight.
#[derive(Debug)]
pub(crate) struct Follower {
    seat: Seat<Phase>,
    _place: Place,
}

impl Follower {
    /// Waits until the store has answered the leader's claim.
    pub(crate) async fn claimed(&mut self) -> Phase {
        self.seat.until(|phase| (!matches!(phase, Phase::Claiming)).then(|| phase.clone())).await
    }

    /// Waits until the flight has ended.
    pub(crate) async fn ended(&mut self) -> Ending {
        let ending = |phase: &Phase| match phase {
            Phase::Ended(ending) => Some(ending.clone()),
            _ => None,
        };
        self.seat.until(ending).await
    }
}

/// The one that speaks to the store and runs the handler. Dropped without a word, its flight is lost.
#[derive(Debug)]
pub(crate) struct Lead {
    table: Arc<Table>,
    flight: Arc<Flight>,
    address: Address,
    ended: bool,
}

impl Lead {
    /// Another node runs the request with this fingerprint.
    pub(crate) fn elsewhere(&self, fingerprint: RequestFingerprint) {
        self.flight.update(Phase::Elsewhere(fingerprint));
    }

    /// This leader runs the request with this fingerprint.
    pub(crate) fn running(&self, fingerprint: RequestFingerprint) {
        self.flight.update(Phase::Running(fingerprint));
    }

    /// Ends the flight. Whatever the ending says of the store must have happened.
    pub(crate) fn end(mut self, ending: Ending) {
        self.leave(ending);
    }

    fn leave(&mut self, ending: Ending) {
        self.ended = true;
        self.table.flights.lock(&self.address).remove(&self.address);
        self.flight.update(Phase::Ended(ending));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.ended {
            let panicked = std::thread::panicking();
            self.leave(if panicked { Ending::Panicked } else { Ending::Lost });
        }
    }
}
