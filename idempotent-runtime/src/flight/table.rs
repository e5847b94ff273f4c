//! The flights under way in this process.

use std::collections::hash_map;

use super::{Ending, KeptClaim, Phase};
use crate::{
    places::{Place, Places},
    request::{Address, CallerId, RequestFingerprint},
    shards::{AddressMap, Shards},
    store::Hold,
    sync::Arc,
    watched::{Seat, Watched},
};

/// How many may wait for one flight.
pub(crate) const FOLLOWERS_PER_FLIGHT: usize = 1024;

#[derive(Clone, Debug)]
pub(crate) struct Flights(Arc<Table>);

#[derive(Debug)]
struct Table {
    flights: Shards<AddressMap<Flight>>,
    waiters: Arc<Places>,
}

/// A flight under way. Few are ever followed, so what followers wait upon is made when the first of them comes.
#[derive(Debug)]
enum Flight {
    Alone(Phase),
    Followed(Arc<Watched<Phase>>),
}

impl Flight {
    /// What followers wait upon.
    fn watched(&mut self) -> Arc<Watched<Phase>> {
        match self {
            Flight::Followed(watched) => Arc::clone(watched),
            Flight::Alone(phase) => {
                let watched = Arc::new(Watched::new(phase.clone()));
                *self = Flight::Followed(Arc::clone(&watched));
                watched
            }
        }
    }

    fn look<R>(&self, look: impl FnOnce(&Phase) -> R) -> R {
        match self {
            Flight::Alone(phase) => look(phase),
            Flight::Followed(watched) => watched.look(look),
        }
    }
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
    /// An empty table; `waiters` are the places of all who wait in this process, at whichever table.
    pub(crate) fn new(waiters: Arc<Places>) -> Self {
        Flights(Arc::new(Table { flights: Shards::new(|_| AddressMap::default()), waiters }))
    }

    /// Joins the flight at `address`, or starts it, on behalf of `caller`.
    pub(crate) fn enter(&self, address: Address, caller: CallerId) -> Entry {
        let mut shard = self.0.flights.lock(&address);
        let flight = match shard.entry(address) {
            hash_map::Entry::Occupied(mut flight) => flight.get_mut().watched(),
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Flight::Alone(Phase::Claiming(None)));
                return Entry::Lead(Lead { table: Arc::clone(&self.0), address, ended: false });
            }
        };
        drop(shard);
        self.follow(&flight, caller).map_or(Entry::Crowded, Entry::Follow)
    }

    /// The claims whose leases are to be kept.
    pub(crate) fn kept(&self) -> Vec<KeptClaim> {
        let mut kept = Vec::new();
        for shard in self.0.flights.each() {
            kept.extend(shard.values().filter_map(|flight| flight.look(Phase::kept)));
        }
        kept
    }

    /// Whether this claim's execution runs, and has not ended it itself.
    pub(crate) fn runs(&self, hold: &Hold) -> bool {
        let is_it = |phase: &Phase| matches!(phase, Phase::Running(running) if running == hold);
        let shard = self.0.flights.lock(&hold.address);
        shard.get(&hold.address).is_some_and(|flight| flight.look(is_it))
    }

    /// How many wait in this process, at whichever table.
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiters.taken()
    }

    fn follow(&self, flight: &Arc<Watched<Phase>>, caller: CallerId) -> Option<Follower> {
        let place = self.place(caller)?;
        let seat = flight.join(FOLLOWERS_PER_FLIGHT)?;
        Some(Follower { seat, _place: place })
    }

    /// A place among those who wait in this process, if there is one for `caller`.
    pub(crate) fn place(&self, caller: CallerId) -> Option<Place> {
        self.0.waiters.take(caller)
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
        self.seat.until(|phase| (!matches!(phase, Phase::Claiming(_))).then(|| phase.clone())).await
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
    address: Address,
    ended: bool,
}

impl Lead {
    /// A claim is sent under this hold. Nobody is woken: it is no answer.
    pub(crate) fn claims(&self, hold: Hold) {
        self.change(Phase::Claiming(Some(hold)), Watched::replace);
    }

    /// Another node runs the request with this fingerprint.
    pub(crate) fn elsewhere(&self, fingerprint: RequestFingerprint) {
        self.update(Phase::Elsewhere(fingerprint));
    }

    /// This leader has won `hold`, and runs the request.
    pub(crate) fn running(&self, hold: Hold) {
        self.update(Phase::Running(hold));
    }

    /// The request has run, and the store is told what has become of this claim. Nobody is woken: it is no end.
    pub(crate) fn finishing(&self, hold: Hold) {
        self.change(Phase::Finishing(hold), Watched::replace);
    }

    /// This leader runs the request with this fingerprint, without a claim.
    pub(crate) fn unprotected(&self, fingerprint: RequestFingerprint) {
        self.update(Phase::Unprotected(fingerprint));
    }

    /// Ends the flight. Whatever the ending says of the store must have happened.
    pub(crate) fn end(mut self, ending: Ending) {
        self.leave(ending);
    }

    fn update(&self, phase: Phase) {
        self.change(phase, Watched::update);
    }

    fn change(&self, phase: Phase, change: fn(&Watched<Phase>, Phase)) {
        let mut shard = self.table.flights.lock(&self.address);
        let followed = match shard.get_mut(&self.address) {
            Some(Flight::Followed(watched)) => Arc::clone(watched),
            Some(alone) => {
                *alone = Flight::Alone(phase);
                return;
            }
            None => return,
        };
        drop(shard);
        change(&followed, phase);
    }

    fn leave(&mut self, ending: Ending) {
        self.ended = true;
        let flight = self.table.flights.lock(&self.address).remove(&self.address);
        if let Some(Flight::Followed(watched)) = flight {
            watched.update(Phase::Ended(ending));
        }
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
