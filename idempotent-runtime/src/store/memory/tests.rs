//! Bytes counted for callers are the bytes that they hold, after any calls in any order.

use std::{collections::HashMap, time::Duration};

use fastrand::Rng;
use shuttle::future::block_on;

use super::{Held, MemoryStore, WhenFull, budget::Budget, change::ENTRY, store::Memory};
use crate::{
    clock::ManualClock,
    request::{Address, CallerId, Endpoint, Principal, RequestFingerprint},
    store::{
        Claim, ClaimRequest, ForgetRequest, Hold, OnAbandoned, Origin, Record, ResolveRequest, Retention,
        Stage, Token,
    },
    sync::Arc,
};

const BUDGET: u64 = 20_000;
const SECOND: Duration = Duration::from_secs(1);
const CALLERS: u8 = 5;

fn caller(name: u8) -> CallerId {
    CallerId::of_principal(&Principal::new([name]))
}

/// A store, and the calls made to it at random.
struct World {
    store: MemoryStore,
    clock: ManualClock,
    random: Rng,
    held: Vec<Hold>,
}

impl World {
    fn new(when_full: WhenFull, seed: u64) -> World {
        let clock = ManualClock::new();
        let budget = Budget::new(BUDGET, 25, when_full);
        let store = MemoryStore(Arc::new(Memory::new(budget, Arc::new(clock.clone()))));
        World { store, clock, random: Rng::with_seed(seed), held: Vec::new() }
    }

    fn record(&mut self) -> Record {
        Record::from_bytes(vec![1; self.random.usize(0..1_500)])
    }

    /// One of few addresses: of a key, or of one of its two steps.
    fn hold(&mut self) -> Hold {
        let (key, step) = (self.random.u8(0..60), self.random.u8(0..3));
        let mut address = [key; 32];
        address[30] = step;
        address[31] = u8::from(step > 0);
        let token = Token::from_bytes(self.random.u128(..).to_be_bytes());
        Hold {
            address: Address::from_bytes(address),
            token,
            fingerprint: RequestFingerprint::from_bytes([1; 32]),
        }
    }

    fn claims(&mut self) {
        let hold = self.hold();
        let origin = match self.random.u8(0..=CALLERS) {
            0 => Origin::default(),
            name => Origin::new(Endpoint::default(), caller(name)),
        };
        let on_abandoned = if self.random.bool() { OnAbandoned::Refuse } else { OnAbandoned::Rerun };
        let request = ClaimRequest { hold, lease: SECOND * 3, on_abandoned, retention: SECOND * 10, origin };
        if matches!(self.store.claim_at_once(&request), Ok(Claim::Won { .. })) {
            self.held.push(hold);
        }
    }

    fn does_something(&mut self) {
        let hold = match self.held.len() {
            0 => return self.claims(),
            held => self.held[self.random.usize(0..held)],
        };
        let (Hold { address, token, .. }, record) = (hold, self.record());
        match self.random.u8(0..20) {
            0..8 => self.claims(),
            8..12 => {
                let seconds = self.random.u32(1..20);
                let retention = Retention { replay: SECOND * seconds, remember: SECOND * (seconds % 3) };
                drop(self.store.complete_at_once(&hold, &record, retention));
            }
            12 => self.store.0.release(&hold),
            13 => {
                let outcome = self.random.bool().then_some(record);
                let instead_of = self.found(address);
                let token = Token::from_bytes(self.random.u128(..).to_be_bytes());
                drop(self.store.0.resolve(&ResolveRequest { address, token, instead_of, outcome }));
            }
            14 => {
                let stage = if self.random.bool() { Stage::Claimed } else { Stage::Completed };
                self.store.0.forget(&ForgetRequest { address, token, stage });
            }
            15 if self.random.u8(0..8) == 0 => {
                let name = self.random.u8(1..=CALLERS);
                block_on(self.store.forget_caller(caller(name)));
            }
            _ => self.clock.advance(SECOND / 4),
        }
    }

    fn found(&self, address: Address) -> Option<Record> {
        self.store.0.recall(&address, RequestFingerprint::from_bytes([1; 32]))
    }

    /// Asserts that the bytes counted are the bytes that are there.
    fn is_right(&self) {
        let budget = &self.store.0.budget;
        let held = block_on(self.store.held());
        let counted = budget.held_by_callers();
        let found: HashMap<_, _> =
            held.callers.iter().map(|(caller, Held { bytes, .. })| (*caller, *bytes)).collect();
        assert_eq!(counted, found);
        assert_eq!(budget.used(), held.all.bytes + budget.cost_of(found.len()));
    }
}

fn goes_on(when_full: WhenFull, seed: u64) {
    let mut world = World::new(when_full, seed);
    for step in 0..4_000 {
        world.does_something();
        if step % 20 == 0 {
            world.is_right();
        }
    }
    if when_full == WhenFull::EvictOldest {
        assert!(world.store.evicted() > 0);
    }
    world.clock.advance(SECOND * 100);
    world.store.0.reclaim_now(crate::clock::Clock::now(&world.clock));
    world.is_right();
    assert_eq!((world.store.used_bytes(), world.store.entries()), (0, 0));
}

#[test]
fn every_byte_is_counted_for_its_caller_and_given_back_where_new_keys_are_refused() {
    (0..5).for_each(|seed| shuttle::check_random(move || goes_on(WhenFull::Refuse, seed), 1));
}

#[test]
fn every_byte_is_counted_for_its_caller_and_given_back_where_the_oldest_make_room() {
    (0..5).for_each(|seed| shuttle::check_random(move || goes_on(WhenFull::EvictOldest, seed), 1));
}

#[test]
fn a_caller_of_whom_nothing_is_left_costs_nothing() {
    shuttle::check_random(
        || {
            let world = World::new(WhenFull::Refuse, 0);
            for number in 0_u32..1_000 {
                let origin = Origin::new(
                    Endpoint::default(),
                    CallerId::of_principal(&Principal::new(number.to_be_bytes())),
                );
                let mut address = [0; 32];
                address[..4].copy_from_slice(&number.to_be_bytes());
                let hold = Hold {
                    address: Address::from_bytes(address),
                    token: Token::from_bytes([1; 16]),
                    fingerprint: RequestFingerprint::from_bytes([1; 32]),
                };
                let request = ClaimRequest {
                    hold,
                    lease: SECOND,
                    on_abandoned: OnAbandoned::Refuse,
                    retention: SECOND,
                    origin,
                };
                assert_eq!(world.store.claim_at_once(&request).unwrap(), Claim::Won { attempt: 1 });
                assert!(world.store.used_bytes() > ENTRY);
                world.store.0.release(&hold);
                assert_eq!((world.store.used_bytes(), world.store.0.budget.held_by_callers().len()), (0, 0));
            }
        },
        1,
    );
}
