//! Flights under way in this process.

use std::collections::hash_map;

use super::{Ending, Follower, KeptClaim, Phase};
use crate::{
    places::{Place, Places},
    request::{Address, CallerId, RequestFingerprint},
    shards::{AddressMap, Shards},
    store::Hold,
    sync::{Arc, AtomicUsize, Ordering},
    watch::Watch,
};

/// Greatest number of requests that may wait for one flight.
pub(crate) const FOLLOWERS_PER_FLIGHT: usize = 1024;

/// Flights as one handle sees them. Handles on one store share a table, and each keeps the leases
/// of the flights that it leads.
#[derive(Debug)]
pub(crate) struct Flights {
    table: Arc<Table>,
    handle: Handle,
}

/// Number of a handle among those that share a table.
type Handle = usize;

#[derive(Debug)]
struct Table {
    flights: Shards<AddressMap<Flight>>,
    handles: AtomicUsize,
    waiters: Arc<Places>,
}

/// A flight under way.
#[derive(Debug)]
struct Flight {
    led_by: Handle,
    seen: Seen,
}

/// Phase of a flight. Few flights are ever followed, so the value that followers wait upon is made
/// when the first of them comes.
#[derive(Debug)]
enum Seen {
    Alone(Phase),
    Followed(Arc<Watch<Phase>>),
}

impl Flight {
    /// Value that followers wait upon.
    fn watch(&mut self) -> Arc<Watch<Phase>> {
        match &self.seen {
            Seen::Followed(watch) => Arc::clone(watch),
            Seen::Alone(phase) => {
                let watch = Arc::new(Watch::new(phase.clone()));
                self.seen = Seen::Followed(Arc::clone(&watch));
                watch
            }
        }
    }

    fn look<R>(&self, look: impl FnOnce(&Phase) -> R) -> R {
        match &self.seen {
            Seen::Alone(phase) => look(phase),
            Seen::Followed(watch) => watch.look(look),
        }
    }
}

/// Part of a request in a flight, as it is found on entering.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Nobody leads yet: the request leads.
    Leads(Leader),
    /// Somebody leads: the request follows.
    Follows(Follower),
    /// Somebody leads, and no more may wait.
    Crowded,
}

impl Flights {
    /// Makes an empty table. `waiters` are the places of all who wait in this process, at any
    /// table.
    pub(crate) fn new(waiters: Arc<Places>) -> Self {
        let flights = Shards::new(|_| AddressMap::default());
        Flights::at(Arc::new(Table { flights, handles: AtomicUsize::new(0), waiters }))
    }

    /// The same table for another handle on the same store.
    pub(crate) fn shared(&self) -> Self {
        Flights::at(Arc::clone(&self.table))
    }

    /// True where both are of handles on one store.
    pub(crate) fn are_of_one_store(&self, other: &Flights) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }

    fn at(table: Arc<Table>) -> Self {
        let handle = table.handles.fetch_add(1, Ordering::Relaxed);
        Flights { table, handle }
    }

    /// Joins the flight at `address`, or starts it, on behalf of `caller`.
    pub(crate) fn enter(&self, address: Address, caller: CallerId) -> Entry {
        let mut shard = self.table.flights.lock(&address);
        let flight = match shard.entry(address) {
            hash_map::Entry::Occupied(mut flight) => flight.get_mut().watch(),
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Flight { led_by: self.handle, seen: Seen::Alone(Phase::Claiming(None)) });
                return Entry::Leads(Leader { table: Arc::clone(&self.table), address, ended: false });
            }
        };
        drop(shard);
        self.follow(&flight, caller).map_or(Entry::Crowded, Entry::Follows)
    }

    /// Claims that this handle leads, whose leases are to be kept.
    pub(crate) fn kept(&self) -> Vec<KeptClaim> {
        let mut kept = Vec::new();
        for shard in self.table.flights.each() {
            let led = shard.values().filter(|flight| flight.led_by == self.handle);
            kept.extend(led.filter_map(|flight| flight.look(Phase::kept)));
        }
        kept
    }

    /// True where this claim's execution runs, and has not ended the claim itself.
    pub(crate) fn runs(&self, hold: &Hold) -> bool {
        let is_it = |phase: &Phase| matches!(phase, Phase::Running(running) if running == hold);
        let shard = self.table.flights.lock(&hold.address);
        shard.get(&hold.address).is_some_and(|flight| flight.look(is_it))
    }

    /// Number of requests that wait in this process, at any table.
    pub(crate) fn waiting(&self) -> usize {
        self.table.waiters.taken()
    }

    fn follow(&self, flight: &Arc<Watch<Phase>>, caller: CallerId) -> Option<Follower> {
        let place = self.place(caller)?;
        let subscriber = flight.join(FOLLOWERS_PER_FLIGHT)?;
        Some(Follower::new(subscriber, place))
    }

    /// A place among those who wait in this process, if there is one for `caller`.
    pub(crate) fn place(&self, caller: CallerId) -> Option<Place> {
        self.table.waiters.take(caller)
    }
}

/// A request that leads a flight: it speaks to the store and runs the handler. If it is dropped
/// without saying how the flight ended, the flight is lost.
#[derive(Debug)]
pub(crate) struct Leader {
    table: Arc<Table>,
    address: Address,
    ended: bool,
}

impl Leader {
    /// Notes that a claim is sent under this hold. Nobody is woken: it is no answer.
    pub(crate) fn claims(&self, hold: Hold) {
        self.change(Phase::Claiming(Some(hold)), Watch::replace);
    }

    /// Notes that another node runs the request with this fingerprint.
    pub(crate) fn elsewhere(&self, fingerprint: RequestFingerprint) {
        self.update(Phase::Elsewhere(fingerprint));
    }

    /// Notes that this leader has won `hold`, and runs the request.
    pub(crate) fn running(&self, hold: Hold) {
        self.update(Phase::Running(hold));
    }

    /// Notes that the request has run, and that the store is told what has become of this claim.
    /// Nobody is woken: it is no end.
    pub(crate) fn finishing(&self, hold: Hold) {
        self.change(Phase::Finishing(hold), Watch::replace);
    }

    /// Notes that this leader runs the request with this fingerprint, without a claim.
    pub(crate) fn unprotected(&self, fingerprint: RequestFingerprint) {
        self.update(Phase::Unprotected(fingerprint));
    }

    /// Ends the flight. All that `ending` says of the store must have happened before.
    pub(crate) fn end(mut self, ending: Ending) {
        self.leave(ending);
    }

    fn update(&self, phase: Phase) {
        self.change(phase, Watch::update);
    }

    fn change(&self, phase: Phase, change: fn(&Watch<Phase>, Phase)) {
        let mut shard = self.table.flights.lock(&self.address);
        let followed = match shard.get_mut(&self.address) {
            Some(Flight { seen: Seen::Followed(watch), .. }) => Arc::clone(watch),
            Some(alone) => {
                alone.seen = Seen::Alone(phase);
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
        if let Some(Flight { seen: Seen::Followed(watch), .. }) = flight {
            watch.update(Phase::Ended(ending));
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.ended {
            let panicked = std::thread::panicking();
            self.leave(if panicked { Ending::Panicked } else { Ending::Lost });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Token;

    fn hold(number: u8) -> Hold {
        Hold {
            address: Address::from_bytes([number; 32]),
            token: Token::from_bytes([number; 16]),
            fingerprint: RequestFingerprint::from_bytes([number; 32]),
        }
    }

    #[test]
    fn handles_share_flights_and_each_keeps_the_leases_of_those_that_it_leads() {
        let test = || {
            let one = Flights::new(Arc::new(Places::new(1, 1)));
            let other = one.shared();
            let holds = [hold(1), hold(2)];
            let leads = [(&one, holds[0]), (&other, holds[1])].map(|(flights, hold)| {
                let Entry::Leads(leader) = flights.enter(hold.address, CallerId::NOBODY) else {
                    panic!("nobody leads yet")
                };
                leader.running(hold);
                leader
            });
            assert!(matches!(other.enter(holds[0].address, CallerId::NOBODY), Entry::Follows(_)));
            let kept = |flights: &Flights| flights.kept().iter().map(|kept| kept.hold).collect::<Vec<_>>();
            assert_eq!((kept(&one), kept(&other)), (vec![holds[0]], vec![holds[1]]));
            assert!(other.runs(&holds[0]) && one.runs(&holds[1]));
            leads.into_iter().for_each(|leader| leader.end(Ending::Released));
            assert_eq!((kept(&one), kept(&other)), (vec![], vec![]));
        };
        shuttle::check_random(test, 1);
    }
}
