//! Faults of a store, and the calls that it has got.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use idempotent_runtime::{
    StoreError,
    store::{Claim, Hold},
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

/// Kind of call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "these are the store's own words")]
pub enum Verb {
    Recall,
    Token,
    Claim,
    Renew,
    Complete,
    Release,
    Resolve,
    Inspect,
    Forget,
    Stuck,
    Changed,
}

/// Fault of a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing is done, and the store says that it failed. Waiting ends at once.
    Fails,
    /// It is done, and the store says that it failed.
    ReplyIsLost,
    /// Nothing is done before the semaphore has a permit.
    Hangs(Arc<Semaphore>),
    /// It is done at once, and the answer comes when the semaphore has a permit.
    AnswersLate(Arc<Semaphore>),
    /// It is done at once, and the thread that has called stands still until the sender is dropped.
    Blocks(Arc<Mutex<mpsc::Receiver<()>>>),
    /// Nothing is done: the store panics.
    Panics,
    /// The record is damaged.
    Damages(fn(&mut Vec<u8>)),
    /// Nothing is done, and this is what a claim is told.
    Says(fn() -> Result<Claim, StoreError>),
    /// A claim that the store says failed, and that is decided when the semaphore has a permit. A
    /// claim after it waits for that, and a release finds nothing.
    LandsLate(Arc<Semaphore>),
    /// A claim that the store says failed, and that arrives when the semaphore has a permit. Nobody
    /// waits for it.
    ArrivesLate(Arc<Semaphore>),
}

impl Fault {
    /// A fault that blocks its caller's thread, and the sender that ends it.
    pub fn blocking() -> (Fault, mpsc::Sender<()>) {
        let (unblock, blocked) = mpsc::channel();
        (Fault::Blocks(Arc::new(Mutex::new(blocked))), unblock)
    }
}

/// Faults that come next, and how many times each.
type Faults = VecDeque<(Fault, usize)>;

/// Faults, and the calls so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Arc<Mutex<HashMap<Verb, Faults>>>,
    counts: Arc<watch::Sender<HashMap<Verb, usize>>>,
    pub(crate) landing: Arc<tokio::sync::Mutex<()>>,
    pub(crate) claimed: Arc<Mutex<Option<Hold>>>,
    pub(crate) recalls: bool,
}

impl Script {
    /// The next `times` calls of `verb` go wrong, after those that are to go wrong already.
    pub fn next(&self, verb: Verb, times: usize, fault: Fault) {
        self.faults.lock().unwrap().entry(verb).or_default().push_back((fault, times));
    }

    /// Calls of `verb` go well again.
    pub fn heal(&self, verb: Verb) {
        self.faults.lock().unwrap().remove(&verb);
    }

    /// Number of calls of `verb`.
    pub fn calls(&self, verb: Verb) -> usize {
        self.counts.borrow().get(&verb).copied().unwrap_or(0)
    }

    /// Waits until `verb` has been called this often.
    pub async fn called(&self, verb: Verb, times: usize) {
        let mut counts = self.counts.subscribe();
        let enough = |counts: &HashMap<Verb, usize>| counts.get(&verb).is_some_and(|&count| count >= times);
        let reached = timeout(Duration::from_secs(60), counts.wait_for(enough)).await;
        reached.expect("it is called in time").unwrap();
    }

    pub(crate) fn recalling(self) -> Script {
        Script { recalls: true, ..self }
    }

    /// Hold that was claimed last, whatever came of it.
    pub fn claimed(&self) -> Option<Hold> {
        *self.claimed.lock().unwrap()
    }

    pub(crate) fn count(&self, verb: Verb) -> Option<Fault> {
        self.counts.send_modify(|counts| *counts.entry(verb).or_default() += 1);
        let mut faults = self.faults.lock().unwrap();
        let faults = faults.get_mut(&verb)?;
        let (fault, left) = faults.front_mut()?;
        let fault = fault.clone();
        *left -= 1;
        if *left == 0 {
            faults.pop_front();
        }
        Some(fault)
    }
}
