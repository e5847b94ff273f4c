//! One store, one key, some processes, the requests that are sent to them, and the time that passes
//! meanwhile.

use std::{collections::VecDeque, time::Duration};

use shuttle::future::{block_on, spawn, yield_now};

use crate::{
    clock::{Clock, ManualClock, Timestamp},
    flight::{ClaimStage, Entry, Flights},
    places::Places,
    reason::RefusalCode,
    request::{Address, CallerId, RequestFingerprint},
    store::{Claim, Hold, MemoryStore, OnAbandoned, Record, Renewal, Store, Token},
    sync::Arc,
    watch::Watch,
};

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Act of the next request that wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Has its effect, and completes.
    Complete,
    /// Has none, and releases.
    Release,
    /// Has its effect, and completes when the store has forgotten everything.
    Flush,
    /// Has its effect, and is dropped before it completes.
    Drop,
    /// Has its effect, and panics outside the handler. Shuttle takes a real panic for a failure of
    /// the model, so the flight is told what `Leader::drop` would tell it.
    Panic,
}

/// Passing of time while requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// It stands still.
    Still,
    /// It passes, half a lease a step, and nobody keeps leases: every process stands still between
    /// its steps.
    Passes,
    /// It passes, and before every step the leases are looked after that are to be kept.
    Kept,
}

/// Answer that a request got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It ran, and this is recorded.
    Stored(Record),
    /// It ran, and had lost its claim; this is what the winner recorded, if anything.
    Fenced(Option<Record>),
    /// It did not run, and the key is free.
    Released,
    /// Its task is no more.
    Died,
    Replay(Record),
    /// It has waited for one that ran, had lost its claim, and had this response.
    Shared(Record),
    Refused(RefusalCode),
    /// Its client did not wait.
    Left,
}

#[derive(Clone)]
pub(super) struct World(pub(super) std::sync::Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: MemoryStore,
    pub(super) clock: ManualClock,
    /// The same time, for those who sleep.
    pub(super) time: Arc<Watch<Timestamp>>,
    processes: Vec<Arc<Flights>>,
    waiters: Arc<Places>,
    pub(super) on_abandoned: OnAbandoned,
    // The model's own notes are no part of what is checked: the standard library's locks add no
    // schedules.
    notes: std::sync::Mutex<Notes>,
}

#[derive(Default)]
pub(super) struct Notes {
    pub(super) acts: VecDeque<Act>,
    /// The attempt of each effect.
    pub(super) effects: Vec<u32>,
    answered: usize,
    /// The last attempt that is known to have been won.
    pub(super) last_won: u32,
    /// Number of handlers that are about to begin: between the look at their lease and their
    /// beginning no time passes.
    pub(super) beginning: usize,
    /// Number of times that the store has forgotten everything.
    pub(super) flushed: usize,
    /// Number of requests that have waited in vain, and asked the store themselves.
    pub(super) asked_anew: usize,
    tokens: u8,
}

impl World {
    /// A world in which the requests that win do `acts`, one after the other, and those after them
    /// complete.
    pub(super) fn new(on_abandoned: OnAbandoned, processes: usize, acts: &[Act]) -> Self {
        let clock = ManualClock::new();
        let waiters = Arc::new(Places::new(1_024, 1_024));
        World(std::sync::Arc::new(Inner {
            store: MemoryStore::builder().clock(clock.clone()).build(),
            time: Arc::new(Watch::new(clock.now())),
            clock,
            processes: (0..processes).map(|_| Arc::new(Flights::new(Arc::clone(&waiters)))).collect(),
            waiters,
            on_abandoned,
            notes: std::sync::Mutex::new(Notes { acts: acts.iter().copied().collect(), ..Notes::default() }),
        }))
    }

    pub(super) fn notes<T>(&self, note: impl FnOnce(&mut Notes) -> T) -> T {
        note(&mut self.0.notes.lock().unwrap())
    }

    pub(super) fn effects(&self) -> usize {
        self.notes(|notes| notes.effects.len())
    }

    /// Number of requests that have waited in vain.
    pub(super) fn asked_anew(&self) -> usize {
        self.notes(|notes| notes.asked_anew)
    }

    /// Number of places that are taken.
    pub(super) fn waiters(&self) -> usize {
        self.0.waiters.taken()
    }

    pub(super) fn hold(&self) -> Hold {
        let token = self.notes(|notes| {
            notes.tokens += 1;
            notes.tokens
        });
        Hold {
            address: Address::from_bytes([1; 32]),
            token: Token::from_bytes([token; 16]),
            fingerprint: RequestFingerprint::from_bytes([2; 32]),
        }
    }

    /// Sends this many requests, spread over the processes, beside which time does as it is told.
    pub(super) fn run(&self, requests: usize, time: Time) -> Vec<Answer> {
        self.send(&vec![usize::MAX; requests], time)
    }

    /// Sends requests that stay and requests whose clients leave when they have waited in vain
    /// once, twice, …
    pub(super) fn run_with_leavers(&self, stay: usize, leave: usize) -> Vec<Answer> {
        let patience: Vec<_> = (1..=leave).chain(vec![usize::MAX; stay]).collect();
        self.send(&patience, Time::Still)
    }

    fn send(&self, patience: &[usize], time: Time) -> Vec<Answer> {
        let requests: Vec<_> = (0..)
            .zip(patience)
            .map(|(number, &patience): (usize, _)| {
                let world = self.clone();
                let process = Arc::clone(&self.0.processes[number % self.0.processes.len()]);
                spawn(async move {
                    let answer = world.answer(&process, world.hold(), patience).await;
                    world.notes(|notes| notes.answered += 1);
                    answer
                })
            })
            .collect();
        let passing = (time != Time::Still).then(|| {
            let (world, requests) = (self.clone(), patience.len());
            spawn(async move { world.pass(requests, time).await })
        });
        let answers: Vec<_> = requests.into_iter().map(|request| block_on(request).unwrap()).collect();
        passing.into_iter().for_each(|time| block_on(time).unwrap());
        block_on(self.agrees_with(&answers));
        answers
    }

    /// Lets time pass, half a lease a step, until every request is answered.
    async fn pass(&self, requests: usize, time: Time) {
        while self.notes(|notes| notes.answered) < requests {
            if time == Time::Kept {
                self.keep_leases().await;
            }
            self.notes(|notes| {
                if notes.beginning == 0 {
                    self.0.clock.advance(LEASE / 2);
                }
            });
            self.0.time.update(self.0.clock.now());
            yield_now().await;
        }
    }

    /// Renews what is to be kept. Nothing is ever lost then, so a claim that is fenced has not been
    /// carried out, or has been ended by its own execution.
    async fn keep_leases(&self) {
        for flights in &self.0.processes {
            for claim in flights.kept() {
                let renewal = self.0.store.renew(claim.hold, LEASE).await.unwrap();
                if renewal == Renewal::Fenced && claim.stage == ClaimStage::Won {
                    assert!(!flights.runs(&claim.hold), "an execution that runs has lost its claim");
                }
            }
        }
    }

    /// Checks what has to be so in every world when all is done.
    async fn agrees_with(&self, answers: &[Answer]) {
        let (mut attempts, flushed) = self.notes(|notes| (notes.effects.clone(), notes.flushed));
        let effects = attempts.len();
        attempts.dedup();
        assert!(attempts.len() + flushed >= effects, "an attempt had two effects");
        assert!(self.0.on_abandoned == OnAbandoned::Rerun || effects <= 1 + flushed, "a request ran again");
        let stored: Vec<_> = answers.iter().filter_map(Answer::stored).collect();
        assert!(stored.len() <= 1, "two completions were stored");
        let hold = self.hold();
        let kept = match self.claim(hold).await {
            Claim::Replay { record, .. } => Some(record),
            _ => None,
        };
        assert_eq!(stored.first(), kept.as_ref().as_ref(), "another record is kept than was stored");
        assert!(answers.iter().all(|answer| answer.told().is_none_or(|told| Some(told) == kept.as_ref())));
        for flights in &self.0.processes {
            assert!(
                matches!(flights.enter(hold.address, CallerId::NOBODY), Entry::Leads(_)),
                "a flight is left in the table"
            );
        }
    }
}

impl Answer {
    fn stored(&self) -> Option<&Record> {
        match self {
            Answer::Stored(record) => Some(record),
            _ => None,
        }
    }

    /// The record that the client was answered with.
    fn told(&self) -> Option<&Record> {
        match self {
            Answer::Stored(record) | Answer::Replay(record) | Answer::Fenced(Some(record)) => Some(record),
            _ => None,
        }
    }
}
