//! A store before another one, that fails, hangs and counts as it is told.

use std::{ops::Deref, sync::Arc, time::Duration};

use idempotent_runtime::{
    Address, MemoryStore, RequestFingerprint, Store, StoreError,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
        ResolveRequest, Retention, Stuck, StuckRequest, Token,
    },
};
use tokio::sync::{OwnedMutexGuard, Semaphore};

pub use crate::script::{Fault, Script, Verb};

/// A store that does as its script says, and otherwise what the store behind it does.
#[derive(Debug)]
pub struct Scripted<S = MemoryStore> {
    inner: Arc<S>,
    script: Script,
}

impl<S> Scripted<S> {
    /// With a script of its own.
    pub fn new(inner: S) -> Scripted<S> {
        Scripted::by(inner, Script::default())
    }

    /// With a script that somebody else may hold too.
    pub fn by(inner: S, script: Script) -> Scripted<S> {
        Scripted { inner: Arc::new(inner), script }
    }

    /// The same, and what has completed is recalled without a claim.
    pub fn recalling(self) -> Scripted<S> {
        Scripted { script: self.script.recalling(), ..self }
    }
}

impl Scripted {
    /// Says the same to every claim.
    pub fn saying(claim: fn() -> Result<Claim, StoreError>) -> Scripted {
        let store = Scripted::new(MemoryStore::new());
        store.next(Verb::Claim, usize::MAX, Fault::Says(claim));
        store
    }
}

impl<S> Clone for Scripted<S> {
    fn clone(&self) -> Self {
        Scripted { inner: Arc::clone(&self.inner), script: self.script.clone() }
    }
}

impl<S> Deref for Scripted<S> {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl<S: Store> Scripted<S> {
    /// Claims when `until` has a permit, and holds `order` until then.
    fn claim_later(&self, request: ClaimRequest, until: Arc<Semaphore>, order: Option<OwnedMutexGuard<()>>) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            until.acquire().await.unwrap().forget();
            inner.claim(request).await.unwrap();
            drop(order);
        });
    }
}

fn failed() -> StoreError {
    StoreError::unavailable("scripted", "secret-host:5432 said no")
}

async fn faulty<T>(
    fault: Option<Fault>,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match fault {
        None | Some(Fault::Damages(_)) => call.await,
        Some(Fault::Fails | Fault::Says(_) | Fault::LandsLate(_) | Fault::ArrivesLate(_)) => Err(failed()),
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
        Some(Fault::Blocks(blocked)) => {
            let answer = call.await;
            let _ = blocked.lock().unwrap().recv();
            answer
        }
    }
}

impl<S: Store> Store for Scripted<S> {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        match self.count(Verb::Recall) {
            Some(Fault::Panics) => panic!("a store's mistake"),
            _ => self.inner.recall(address, fingerprint).filter(|_| self.recalls),
        }
    }

    fn token(&self) -> Result<Token, StoreError> {
        match self.count(Verb::Token) {
            Some(Fault::Panics) => panic!("a store's mistake"),
            Some(_) => Err(StoreError::unavailable("scripted", "no randomness on secret-host")),
            None => self.inner.token(),
        }
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        *self.claimed.lock().unwrap() = Some(request.hold);
        let fault = self.count(Verb::Claim);
        let order = Arc::clone(&self.landing).lock_owned().await;
        match &fault {
            Some(Fault::Says(claim)) => return claim(),
            Some(Fault::LandsLate(until)) => self.claim_later(request, Arc::clone(until), Some(order)),
            Some(Fault::ArrivesLate(until)) => self.claim_later(request, Arc::clone(until), None),
            _ => drop(order),
        }
        faulty(fault, self.inner.claim(request)).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        faulty(self.count(Verb::Renew), self.inner.renew(hold, lease)).await
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
        faulty(fault, self.inner.complete(hold, record, retention)).await
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        faulty(self.count(Verb::Release), self.inner.release(hold)).await
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        faulty(self.count(Verb::Resolve), self.inner.resolve(request)).await
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        faulty(self.count(Verb::Inspect), self.inner.inspect(address)).await
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        faulty(self.count(Verb::Forget), self.inner.forget(request)).await
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        faulty(self.count(Verb::Stuck), self.inner.stuck(request)).await
    }

    async fn changed(&self, address: Address) {
        let changed = self.inner.changed(address);
        if self.count(Verb::Changed).is_none() {
            changed.await;
        }
    }
}
