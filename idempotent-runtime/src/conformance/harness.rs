//! The place where a fact is checked: one handle to the store, and short forms of its calls.

use std::{fmt::Debug, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::Subject;
use crate::{
    request::{Address, CallerId, Endpoint, RequestFingerprint},
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, OnAbandoned, Origin,
        Record, Renewal, Resolve, ResolveRequest, Retention, Stage, Store, StoreError, Stuck, StuckCursor,
        StuckRequest, Token,
    },
};

/// Nothing for a fact that holds; else a description of what was found.
pub(super) type Verdict = Result<(), String>;

/// A lease or retention that does not end while a fact is checked.
pub(super) const LONG: Duration = Duration::from_secs(3600);

pub(super) struct Harness<S> {
    store: Arc<S>,
    subject: Arc<Subject<S>>,
}

impl<S> Clone for Harness<S> {
    fn clone(&self) -> Self {
        Harness { store: Arc::clone(&self.store), subject: Arc::clone(&self.subject) }
    }
}

impl<S: Store> Harness<S> {
    pub(super) async fn open(subject: Arc<Subject<S>>) -> Self {
        Harness { store: Arc::new(subject.open().await), subject }
    }

    /// Another handle to the same data.
    pub(super) async fn another(&self) -> Self {
        Self::open(Arc::clone(&self.subject)).await
    }

    pub(super) fn keys(&self) -> usize {
        self.subject.key_count()
    }

    pub(super) fn unit(&self) -> Duration {
        self.subject.one_unit()
    }

    /// Lets this many units of time pass.
    pub(super) async fn pass(&self, units: f64) {
        self.subject.pass(self.unit().mul_f64(units)).await;
    }

    /// Output of `future`, if it ends without waiting for anything but the store.
    pub(super) async fn prompt<T>(&self, future: impl Future<Output = T>, what: &str) -> Result<T, String> {
        timeout(self.subject.time_of_a_call(), future).await.map_err(|_| format!("{what} did not end"))
    }

    /// Claims with a lease that does not end, and refuses what was abandoned.
    pub(super) async fn claim(&self, hold: Hold) -> Result<Claim, String> {
        self.ask(hold, LONG, OnAbandoned::Refuse, LONG).await
    }

    /// Like [`claim`](Self::claim), with a lease of one unit.
    pub(super) async fn claim_briefly(&self, hold: Hold) -> Result<Claim, String> {
        self.ask(hold, self.unit(), OnAbandoned::Refuse, LONG).await
    }

    /// Claims, and takes over what was abandoned.
    pub(super) async fn rerun(&self, hold: Hold) -> Result<Claim, String> {
        self.ask(hold, LONG, OnAbandoned::Rerun, LONG).await
    }

    pub(super) async fn ask(
        &self,
        hold: Hold,
        lease: Duration,
        on_abandoned: OnAbandoned,
        retention: Duration,
    ) -> Result<Claim, String> {
        self.ask_at(Endpoint::default(), hold, lease, on_abandoned, retention).await
    }

    /// Claims at an endpoint.
    pub(super) async fn ask_at(
        &self,
        endpoint: Endpoint,
        hold: Hold,
        lease: Duration,
        on_abandoned: OnAbandoned,
        retention: Duration,
    ) -> Result<Claim, String> {
        let origin = Origin::new(endpoint, CallerId::NOBODY);
        let request = ClaimRequest { hold, lease, on_abandoned, retention, origin };
        self.store.claim(request).await.map_err(failed("claim"))
    }

    pub(super) async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, String> {
        self.store.renew(hold, lease).await.map_err(failed("renew"))
    }

    pub(super) async fn complete(&self, hold: Hold, record: &Record) -> Result<Completion, String> {
        self.complete_for(hold, record, LONG, Duration::ZERO).await
    }

    pub(super) async fn complete_for(
        &self,
        hold: Hold,
        record: &Record,
        replay: Duration,
        remember: Duration,
    ) -> Result<Completion, String> {
        let retention = Retention { replay, remember };
        self.store.complete(hold, record.clone(), retention).await.map_err(failed("complete"))
    }

    pub(super) async fn release(&self, hold: Hold) -> Verdict {
        self.store.release(hold).await.map_err(failed("release"))
    }

    /// Ends the entry of `request` by hand.
    pub(super) async fn resolve(
        &self,
        request: Hold,
        instead_of: Option<Record>,
        outcome: Option<Record>,
    ) -> Result<Resolve, String> {
        self.resolve_by(hold()?.token, request, instead_of, outcome).await
    }

    pub(super) async fn resolve_by(
        &self,
        token: Token,
        request: Hold,
        instead_of: Option<Record>,
        outcome: Option<Record>,
    ) -> Result<Resolve, String> {
        let request = ResolveRequest { address: request.address, token, instead_of, outcome };
        self.store.resolve(request).await.map_err(failed("resolve"))
    }

    /// Everything known of the entry of `request`.
    pub(super) async fn inspect(&self, request: Hold) -> Result<Option<Inspection>, String> {
        self.store.inspect(request.address).await.map_err(failed("inspect"))
    }

    /// Forgets the entry that has the address and the token of `owner`, if it is at this stage.
    pub(super) async fn forget(&self, owner: Hold, stage: Stage) -> Result<Forget, String> {
        let request = ForgetRequest { address: owner.address, token: owner.token, stage };
        self.store.forget(request).await.map_err(failed("forget"))
    }

    /// One page of the stuck entries.
    pub(super) async fn page(
        &self,
        after: Option<StuckCursor>,
        unknown: &Record,
        limit: usize,
    ) -> Result<Stuck, String> {
        self.page_of(None, after, unknown, limit).await
    }

    /// One page of the stuck entries of an endpoint.
    pub(super) async fn page_of(
        &self,
        endpoint: Option<&str>,
        after: Option<StuckCursor>,
        unknown: &Record,
        limit: usize,
    ) -> Result<Stuck, String> {
        let endpoint = endpoint.map(str::to_owned);
        let request = StuckRequest { after, limit, unknown: unknown.clone(), endpoint };
        self.store.stuck(request).await.map_err(failed("stuck"))
    }

    /// All stuck entries, in pages of `limit`.
    pub(super) async fn stuck(&self, unknown: &Record, limit: usize) -> Result<Vec<Inspection>, String> {
        self.stuck_at(None, unknown, limit).await
    }

    /// All stuck entries of an endpoint, in pages of `limit`.
    pub(super) async fn stuck_at(
        &self,
        endpoint: Option<&str>,
        unknown: &Record,
        limit: usize,
    ) -> Result<Vec<Inspection>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.page_of(endpoint, after, unknown, limit).await?;
            all.extend(page.entries);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// The record that is replayed to this request without a claim.
    pub(super) fn recall(&self, request: Hold) -> Option<Record> {
        self.store.recall(request.address, request.fingerprint)
    }

    /// A token as the store draws it.
    pub(super) fn token(&self) -> Result<Token, String> {
        self.store.token().map_err(failed("token"))
    }

    pub(super) async fn changed(&self, address: Address) {
        self.store.changed(address).await;
    }

    /// A hold that won a vacant address, with a lease that does not end.
    pub(super) async fn won(&self) -> Result<Hold, String> {
        let hold = hold()?;
        is(self.claim(hold).await?, WON, "the first claim")?;
        Ok(hold)
    }

    /// A hold that won, and whose lease has run out without anybody seeing it.
    pub(super) async fn lapsed(&self) -> Result<Hold, String> {
        let hold = hold()?;
        is(self.claim_briefly(hold).await?, WON, "the first claim")?;
        self.pass(1.5).await;
        Ok(hold)
    }

    /// Makes the entry of `hold` unreadable.
    pub(super) async fn damage(&self, hold: Hold) {
        self.subject.damaged(hold.address).await;
    }

    /// Holds if every claim on the entry of `owner` is told that the entry cannot be read.
    pub(super) async fn is_unreadable(&self, owner: Hold) -> Verdict {
        for (hold, on_abandoned) in [
            (owner, OnAbandoned::Refuse),
            (retry(owner)?, OnAbandoned::Refuse),
            (retry(owner)?, OnAbandoned::Rerun),
            (reuse(owner)?, OnAbandoned::Refuse),
        ] {
            let request =
                ClaimRequest { hold, lease: LONG, on_abandoned, retention: LONG, origin: Origin::default() };
            unreadable(self.store.claim(request).await, "a claim")?;
        }
        Ok(())
    }

    /// Holds if nobody can end the entry of `owner` by hand, or look at it, or forget it.
    pub(super) async fn is_unreadable_by_hand(&self, owner: Hold) -> Verdict {
        let Hold { address, token, .. } = owner;
        if self.subject.can_resolve() {
            let request = ResolveRequest { address, token, instead_of: None, outcome: None };
            unreadable(self.store.resolve(request).await, "a resolution")?;
        }
        if self.subject.can_be_inspected() {
            unreadable(self.store.inspect(address).await, "a look")?;
            let request = ForgetRequest { address, token, stage: Stage::Claimed };
            unreadable(self.store.forget(request).await, "forgetting")?;
        }
        Ok(())
    }

    /// A hold that won and completed with `record`.
    pub(super) async fn completed(&self, record: &Record) -> Result<Hold, String> {
        let hold = self.won().await?;
        is(self.complete(hold, record).await?, Completion::Stored, "the owner's completion")?;
        Ok(hold)
    }

    /// A hold that won, and whose lease was seen to have run out.
    pub(super) async fn abandoned(&self) -> Result<Hold, String> {
        let hold = self.lapsed().await?;
        is(self.claim(retry(hold)?).await?, Claim::Abandoned, "a claim after the lease")?;
        Ok(hold)
    }

    /// A hold that won, lapsed and was taken over, and the one that took it over.
    pub(super) async fn taken_over(&self) -> Result<(Hold, Hold), String> {
        let old = self.lapsed().await?;
        let new = retry(old)?;
        is(self.rerun(new).await?, Claim::Won { attempt: 2 }, "a rerun after the lease")?;
        Ok((old, new))
    }
}

/// Holds if the store has said that an entry cannot be read.
fn unreadable<T: Debug>(answer: Result<T, StoreError>, what: &str) -> Verdict {
    match answer {
        Err(StoreError::Unreadable { .. }) => Ok(()),
        other => Err(format!("{what} on an unreadable entry was {}", shown(&other))),
    }
}

fn failed(verb: &'static str) -> impl Fn(StoreError) -> String {
    move |error| format!("{verb} failed: {error}")
}

/// The first attempt.
pub(super) const WON: Claim = Claim::Won { attempt: 1 };
/// Answer to a completion that came too late, where nothing is recorded.
pub(super) const FENCED: Completion = Completion::Fenced(None);

fn random() -> Result<[u8; 32], String> {
    let token = || Token::random().map_err(|error| error.to_string());
    let (mut bytes, first, second) = ([0; 32], token()?, token()?);
    bytes[..16].copy_from_slice(first.as_bytes());
    bytes[16..].copy_from_slice(second.as_bytes());
    Ok(bytes)
}

/// A request that nobody has sent before.
pub(super) fn hold() -> Result<Hold, String> {
    let token = Token::random().map_err(|error| error.to_string())?;
    let fingerprint = RequestFingerprint::from_bytes(random()?);
    Ok(Hold { address: Address::from_bytes(random()?), token, fingerprint })
}

/// Another request, whose entry lies beneath that of this one.
pub(super) fn beneath(request: Hold) -> Result<Hold, String> {
    let other = hold()?;
    let (mut bytes, beginning) = (*other.address.as_bytes(), request.address.beginning());
    bytes[..beginning.len()].copy_from_slice(&beginning);
    Ok(Hold { address: Address::from_bytes(bytes), ..other })
}

/// The same request again.
pub(super) fn retry(request: Hold) -> Result<Hold, String> {
    Ok(Hold { token: hold()?.token, ..request })
}

/// Another request with the same key.
pub(super) fn reuse(request: Hold) -> Result<Hold, String> {
    Ok(Hold { address: request.address, ..hold()? })
}

/// A record of these bytes. A store need not understand them.
pub(super) fn record(bytes: &[u8]) -> Record {
    Record::from_bytes(bytes.to_vec())
}

/// Holds if the thing called `what` was as wanted.
pub(super) fn is<T: PartialEq + Debug>(found: T, wanted: T, what: &str) -> Verdict {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what} was {}, not {}", shown(&found), shown(&wanted)))
}

/// Holds if `record` is replayed, for at most [`LONG`] more.
pub(super) fn is_replay(found: Claim, record: Record, what: &str) -> Verdict {
    match found {
        Claim::Replay { record: found, left } if left <= LONG && !left.is_zero() => is(found, record, what),
        other => Err(format!("{what} was {}, not a replay for at most {LONG:?} more", shown(&other))),
    }
}

/// Holds if the address is in flight, and no more than `lease` of its lease is left.
pub(super) fn is_in_flight(found: Claim, lease: Duration, what: &str) -> Verdict {
    match found {
        Claim::InFlight { lease_left } if lease_left <= lease => Ok(()),
        other => Err(format!("{what} was {}, not in flight for at most {lease:?}", shown(&other))),
    }
}

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.len()),
        None => text,
    }
}
