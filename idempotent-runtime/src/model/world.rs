//! One store, one key, some processes, and requests that do what `run` does.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use futures_util::future::select;
use shuttle::future::{block_on, spawn, yield_now};

use crate::{
    clock::{Clock, ManualClock, Timestamp},
    flight::{Ending, Entry, Flights, Follower, Lead, Phase},
    places::Places,
    request::{Address, CallerId, RequestFingerprint},
    response::Code,
    store::{
        Claim, ClaimRequest, Completion, Hold, MemoryStore, OnAbandoned, Record, Renewal, Retention, Store,
        Token,
    },
    sync::Arc,
    watched::Watched,
};

const LEASE: Duration = Duration::from_secs(30);
const RETENTION: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the next request that wins does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Has its effect, and completes.
    Complete,
    /// Has none, and releases.
    Release,
    /// Has its effect, and is dropped before it completes.
    Drop,
    /// Has its effect, and panics outside the handler. Shuttle takes a real panic for a failure of the model, so the flight
    /// is told what `Lead::drop` would tell it.
    Panic,
}

/// What a request was answered.
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
    Refused(Code),
    /// Its client did not wait.
    Left,
}

#[derive(Clone)]
pub(super) struct World(std::sync::Arc<Inner>);

struct Inner {
    store: MemoryStore,
    clock: ManualClock,
    /// The same time, for those who sleep.
    time: Arc<Watched<Timestamp>>,
    processes: Vec<Flights>,
    waiters: Arc<Places>,
    on_abandoned: OnAbandoned,
    // The model's own notes are no part of what is checked: the standard library's locks add no schedules.
    notes: std::sync::Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    acts: VecDeque<Act>,
    /// The attempt of each effect.
    effects: Vec<u32>,
    answered: usize,
    /// The last attempt that is known to have been won.
    last_won: u32,
    tokens: u8,
}

impl World {
    /// A world in which the requests that win do `acts`, one after the other, and those after them complete.
    pub(super) fn new(on_abandoned: OnAbandoned, processes: usize, acts: &[Act]) -> Self {
        let clock = ManualClock::new();
        let waiters = Arc::new(Places::new(1_024, 1_024));
        World(std::sync::Arc::new(Inner {
            store: MemoryStore::builder().clock(clock.clone()).build(),
            time: Arc::new(Watched::new(clock.now())),
            clock,
            processes: (0..processes).map(|_| Flights::new(Arc::clone(&waiters))).collect(),
            waiters,
            on_abandoned,
            notes: std::sync::Mutex::new(Notes { acts: acts.iter().copied().collect(), ..Notes::default() }),
        }))
    }

    fn notes<T>(&self, note: impl FnOnce(&mut Notes) -> T) -> T {
        note(&mut self.0.notes.lock().unwrap())
    }

    pub(super) fn effects(&self) -> usize {
        self.notes(|notes| notes.effects.len())
    }

    /// How many places are taken.
    pub(super) fn waiters(&self) -> usize {
        self.0.waiters.taken()
    }

    fn hold(&self) -> Hold {
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

    /// Sends this many requests, spread over the processes; time passes beside them if it is asked to.
    pub(super) fn run(&self, requests: usize, time_passes: bool) -> Vec<Answer> {
        self.send(&vec![usize::MAX; requests], time_passes)
    }

    /// Sends requests that stay and requests whose clients leave when they have waited in vain once, twice, …
    pub(super) fn run_with_leavers(&self, stay: usize, leave: usize) -> Vec<Answer> {
        let patience: Vec<_> = (1..=leave).chain(vec![usize::MAX; stay]).collect();
        self.send(&patience, false)
    }

    fn send(&self, patience: &[usize], time_passes: bool) -> Vec<Answer> {
        let requests: Vec<_> = (0..)
            .zip(patience)
            .map(|(number, &patience): (usize, _)| {
                let world = self.clone();
                let process = self.0.processes[number % self.0.processes.len()].clone();
                spawn(async move {
                    let answer = world.answer(&process, world.hold(), patience).await;
                    world.notes(|notes| notes.answered += 1);
                    answer
                })
            })
            .collect();
        let time = time_passes.then(|| {
            let (world, requests) = (self.clone(), patience.len());
            spawn(async move { world.pass(requests).await })
        });
        let answers: Vec<_> = requests.into_iter().map(|request| block_on(request).unwrap()).collect();
        time.into_iter().for_each(|time| block_on(time).unwrap());
        block_on(self.agrees_with(&answers));
        answers
    }

    /// Lets time pass, half a lease a step, until every request is answered.
    async fn pass(&self, requests: usize) {
        while self.notes(|notes| notes.answered) < requests {
            self.0.clock.advance(LEASE / 2);
            self.0.time.update(self.0.clock.now());
            yield_now().await;
        }
    }

    /// What has to be so in every world when all is done.
    async fn agrees_with(&self, answers: &[Answer]) {
        let mut attempts = self.notes(|notes| notes.effects.clone());
        let effects = attempts.len();
        attempts.dedup();
        assert_eq!(attempts.len(), effects, "an attempt had two effects");
        assert!(self.0.on_abandoned == OnAbandoned::Rerun || effects <= 1, "a request ran again");
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
                matches!(flights.enter(hold.address, CallerId::NOBODY), Entry::Lead(_)),
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

// From here on: what `run` and `execution` do, in their words.

enum Asked {
    Answered(Answer),
    Elsewhere(Lead, Duration),
}

impl World {
    async fn claim(&self, hold: Hold) -> Claim {
        let on_abandoned = self.0.on_abandoned;
        let request = ClaimRequest { hold, lease: LEASE, on_abandoned, retention: RETENTION };
        self.0.store.claim(request).await.unwrap()
    }

    /// A client that leaves waits in vain `patience` times, and then drops what it waits upon.
    async fn answer(&self, process: &Flights, hold: Hold, patience: usize) -> Answer {
        if let Some(record) = self.0.store.recall(hold.address, hold.fingerprint) {
            return Answer::Replay(record);
        }
        loop {
            let lead = match process.enter(hold.address, CallerId::NOBODY) {
                Entry::Crowded => return Answer::Refused(Code::InProgress),
                Entry::Follow(follower) => match patient(patience, pin!(follow(follower))).await {
                    None => return Answer::Left,
                    Some(Some(answer)) => return answer,
                    Some(None) => continue,
                },
                Entry::Lead(lead) => lead,
            };
            return self.lead(process, hold, lead).await;
        }
    }

    /// Detached from its client: it does not leave.
    async fn lead(&self, process: &Flights, hold: Hold, mut lead: Lead) -> Answer {
        loop {
            match self.ask(hold, lead).await {
                Asked::Answered(answer) => return answer,
                Asked::Elsewhere(waiting, lease_left) => {
                    self.wait_elsewhere(process, hold, &waiting, lease_left).await;
                    lead = waiting;
                }
            }
        }
    }

    async fn ask(&self, hold: Hold, lead: Lead) -> Asked {
        Asked::Answered(match self.claim(hold).await {
            Claim::Won { attempt } => self.execute(hold, lead, attempt).await,
            Claim::Replay { record, .. } => {
                lead.end(Ending::Completed(hold.fingerprint, record.clone()));
                Answer::Replay(record)
            }
            Claim::InFlight { lease_left } => return Asked::Elsewhere(lead, lease_left),
            Claim::Abandoned => {
                lead.end(Ending::Settled(hold.fingerprint, Code::OutcomeUnknown));
                Answer::Refused(Code::OutcomeUnknown)
            }
            other => panic!("a request of this world was told {other:?}"),
        })
    }

    async fn execute(&self, hold: Hold, lead: Lead, attempt: u32) -> Answer {
        self.notes(|notes| notes.last_won = notes.last_won.max(attempt));
        lead.running(hold);
        let act = self.notes(|notes| notes.acts.pop_front().unwrap_or(Act::Complete));
        if act != Act::Release {
            self.notes(|notes| notes.effects.push(attempt));
        }
        yield_now().await;
        match act {
            Act::Complete => self.complete(hold, lead, attempt).await,
            Act::Release => {
                self.0.store.release(hold).await.unwrap();
                lead.end(Ending::Released);
                Answer::Released
            }
            Act::Drop => Answer::Died,
            Act::Panic => {
                lead.end(Ending::Panicked);
                Answer::Died
            }
        }
    }

    async fn complete(&self, hold: Hold, lead: Lead, attempt: u32) -> Answer {
        let taken_over = self.notes(|notes| notes.last_won > attempt);
        let record = Record::from_bytes(hold.token.as_bytes().to_vec());
        let retention = Retention { replay: RETENTION, remember: Duration::ZERO };
        match self.0.store.complete(hold, record.clone(), retention).await.unwrap() {
            Completion::Stored => {
                assert!(!taken_over, "a claim that had been taken over was completed");
                lead.end(Ending::Completed(hold.fingerprint, record.clone()));
                Answer::Stored(record)
            }
            Completion::Fenced(winner) => {
                assert_eq!(self.0.store.renew(hold, LEASE).await.unwrap(), Renewal::Fenced);
                lead.end(Ending::Lost);
                Answer::Fenced(winner)
            }
        }
    }

    async fn wait_elsewhere(&self, process: &Flights, hold: Hold, lead: &Lead, lease_left: Duration) {
        let _place = process.place(CallerId::NOBODY).unwrap();
        lead.elsewhere(hold.fingerprint);
        let until = self.0.clock.now().after(lease_left);
        let mut sleeper = self.0.time.join(usize::MAX).unwrap();
        let slept = pin!(sleeper.until(|now| (*now >= until).then_some(())));
        let changed = pin!(self.0.store.changed(hold.address));
        select(changed, slept).await;
    }
}

async fn follow(mut follower: Follower) -> Option<Answer> {
    let ending = match follower.claimed().await {
        Phase::Ended(ending) => ending,
        _ => follower.ended().await,
    };
    match ending {
        Ending::Completed(_, record) => Some(Answer::Replay(record)),
        Ending::Settled(_, code) => Some(Answer::Refused(code)),
        Ending::Released | Ending::Lost | Ending::Panicked => None,
    }
}

/// What `future` gives, unless it has to wait this many times.
async fn patient<F: Future>(mut patience: usize, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            patience -= 1;
            if patience == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
