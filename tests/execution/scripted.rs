//! A memory store that fails, hangs and counts as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use idempotent_runtime::{
    Address, MemoryStore, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention},
};
use tokio::sync::{Semaphore, watch};

use crate::gate::within;

/// What is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Claim,
    Renew,
    Complete,
    Release,
    Changed,
}

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing is done, and the store says that it failed.
    Fails,
    /// It is done, and the store says that it failed.
    ReplyIsLost,
    /// Nothing is done before the semaphore has a permit.
    Hangs(Arc<Semaphore>),
    /// It is done at once, and the answer comes when the semaphore has a permit.
    AnswersLate(Arc<Semaphore>),
    /// Nothing is done: the store panics.
    Panics,
    /// The record is damaged.
    Damages(fn(&mut Vec<u8>)),
}

#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    inner: MemoryStore,
    script: Arc<Mutex<HashMap<Verb, (Fault, usize)>>>,
    counts: Arc<watch::Sender<HashMap<Verb, usize>>>,
}

impl Scripted {
    pub(crate) fn new(inner: MemoryStore) -> Scripted {
        Scripted { inner, script: Arc::default(), counts: Arc::new(watch::Sender::default()) }
    }

    /// The next `times` calls of `verb` go wrong.
    pub(crate) fn next(&self, verb: Verb, times: usize, fault: Fault) {
        self.script.lock().unwrap().insert(verb, (fault, times));
    }

    /// Calls of `verb` go well again.
    pub(crate) fn heal(&self, verb: Verb) {
        self.script.lock().unwrap().remove(&verb);
    }

    /// How often `verb` has been called.
    pub(crate) fn calls(&self, verb: Verb) -> usize {
        self.counts.borrow().get(&verb).copied().unwrap_or(0)
    }

    /// Waits until `verb` has been called this often.
    pub(crate) async fn called(&self, verb: Verb, times: usize) {
        let mut counts = self.counts.subscribe();
        let enough = |counts: &HashMap<Verb, usize>| counts.get(&verb).is_some_and(|&count| count >= times);
        within(counts.wait_for(enough)).await.unwrap();
    }

    fn count(&self, verb: Verb) -> Option<Fault> {
        self.counts.send_modify(|counts| *counts.entry(verb).or_default() += 1);
        let mut script = self.script.lock().unwrap();
        let (fault, left) = script.get_mut(&verb)?;
        let fault = fault.clone();
        *left -= 1;
        if *left == 0 {
            script.remove(&verb);
        }
        Some(fault)
    }

    async fn call<T>(
        &self,
        fault: Option<Fault>,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let failed = || StoreError::unavailable("scripted", "secret-host:5432 said no");
        match fault {
            None | Some(Fault::Damages(_)) => call.await,
            Some(Fault::Fails) => Err(failed()),
            Some(Fault::Panics) => panic!("a store's mistake"),
            Some(Fault::ReplyIsLost) => call.await.and_then(|_| Err(failed())),
            Some(Fault::Hangs(until)) => {
                until.acquire().await.unwrap().forget();
                call.await
            }
            Some(Fault::AnswersLate(until)) => {
                let answer = call.await;
                until.acquire().await.unwrap().forget();
                answer
            }
        }
    }
}

impl Store for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.call(self.count(Verb::Claim), self.inner.claim(request)).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.call(self.count(Verb::Renew), self.inner.renew(hold, lease)).await
    }

    async fn complete(
        &self,
        hold: Hold,
        mut record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let fault = self.count(Verb::Complete);
        if let Some(Fault::Damages(damage)) = fault {
            let mut bytes = record.into_bytes().to_vec();
            damage(&mut bytes);
            record = Record::from_bytes(bytes);
        }
        self.call(fault, self.inner.complete(hold, record, retention)).await
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.call(self.count(Verb::Release), self.inner.release(hold)).await
    }

    async fn changed(&self, address: Address) {
        let changed = self.inner.changed(address);
        self.count(Verb::Changed);
        changed.await;
    }
}
