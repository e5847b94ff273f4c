//! The calls of one transaction, decided in memory one after the other: two calls on one address
//! see each other.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    clock::Timestamp,
    request::Address,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
        ResolveRequest, Retention,
        entry::{self, Changed, Decided, Entry},
    },
};

/// One call.
#[derive(Debug)]
pub(super) enum Op {
    Claim(ClaimRequest),
    /// A claim that a transaction of the same file ends. It may be lost with that transaction.
    ClaimForTransaction(ClaimRequest),
    Renew(Hold, Duration),
    Complete(Hold, Record, Retention),
    Release(Hold),
    Resolve(ResolveRequest),
    Inspect(Address),
    Forget(ForgetRequest),
    /// Deletes some rows and records whose time has ended.
    Sweep,
}

/// OpAnswer to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OpAnswer {
    Claim(Claim),
    Renewal(Renewal),
    Completion(Completion),
    Released,
    Resolve(Resolve),
    Inspected(Option<Inspection>),
    Forget(Forget),
    /// Number of rows and records deleted.
    Swept(u64),
    /// The entry cannot be read. Nothing was done.
    Damaged(&'static str),
}

impl Op {
    /// The address that the call is about.
    pub(super) fn address(&self) -> Option<Address> {
        match self {
            Op::Claim(ClaimRequest { hold, .. })
            | Op::ClaimForTransaction(ClaimRequest { hold, .. })
            | Op::Renew(hold, _)
            | Op::Complete(hold, ..)
            | Op::Release(hold) => Some(hold.address),
            Op::Resolve(request) => Some(request.address),
            Op::Inspect(address) => Some(*address),
            Op::Forget(request) => Some(request.address),
            Op::Sweep => None,
        }
    }
}

/// True where everything that `ops` ask for may be lost as long as no later transaction is on disk.
pub(super) fn may_be_lost(ops: &[Op]) -> bool {
    ops.iter().all(|op| matches!(op, Op::ClaimForTransaction(_)))
}

/// Content of the table at an address: an entry, nothing, or something that is no entry.
pub(super) type Found = Result<Entry, &'static str>;

/// The entries that the calls of one transaction are about.
#[derive(Debug, Default)]
pub(super) struct Entries(HashMap<Address, Loaded>);

#[derive(Debug, Default)]
struct Loaded {
    entry: Option<Entry>,
    damage: Option<&'static str>,
    was_stored: bool,
    changed: bool,
}

impl Loaded {
    fn of(found: Found) -> Self {
        match found {
            Ok(entry) => Loaded { entry: Some(entry), was_stored: true, ..Loaded::default() },
            Err(damage) => Loaded { damage: Some(damage), was_stored: true, ..Loaded::default() },
        }
    }
}

/// Rows to write, and addresses whose waiters are to be told.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) put: Vec<(Address, Entry)>,
    pub(super) delete: Vec<Address>,
    /// The addresses that were changed and are not claimed any more.
    pub(super) settled: Vec<Address>,
}

impl Entries {
    pub(super) fn new(found: Vec<(Address, Found)>) -> Self {
        Entries(found.into_iter().map(|(address, found)| (address, Loaded::of(found))).collect())
    }

    /// Answers `op`. A sweep is answered with `swept`.
    pub(super) fn answer(&mut self, op: Op, swept: u64, now: Timestamp) -> OpAnswer {
        let Some(address) = op.address() else { return OpAnswer::Swept(swept) };
        let place = self.0.entry(address).or_default();
        if let Some(damage) = place.damage {
            return answer_of_damaged(&op, damage);
        }
        let (answer, changed) = decide(&mut place.entry, op, address, now);
        place.changed |= changed == Changed::Yes;
        if answer == OpAnswer::Forget(Forget::Done) {
            self.drop_beneath(address, now);
        }
        answer
    }

    /// Takes what was found beneath an address that is to be forgotten, unless a call of the batch
    /// is about it.
    pub(super) fn add(&mut self, address: Address, found: Found) {
        self.0.entry(address).or_insert_with(|| Loaded::of(found));
    }

    /// Drops the entries beneath an address, except those that run.
    fn drop_beneath(&mut self, address: Address, now: Timestamp) {
        let beneath = self.0.iter_mut().filter(|(other, _)| other.beginning() == address.beginning());
        for (_, place) in beneath {
            let gone = place.entry.take_if(|entry| entry.lease_left(now).is_none());
            place.changed |= gone.is_some() || place.damage.take().is_some();
        }
    }

    pub(super) fn into_changes(self) -> Changes {
        let mut changes = Changes::default();
        let changed = self.0.into_iter().filter(|(_, place)| place.changed);
        for (address, place) in changed {
            if !place.entry.as_ref().is_some_and(Entry::is_claimed) {
                changes.settled.push(address);
            }
            match place.entry {
                Some(entry) => changes.put.push((address, entry)),
                None if place.was_stored => changes.delete.push(address),
                None => {}
            }
        }
        changes
    }
}

/// OpAnswer to a call about an entry that cannot be read. No hold on such an entry stands.
fn answer_of_damaged(op: &Op, damage: &'static str) -> OpAnswer {
    match op {
        Op::Renew(..) => OpAnswer::Renewal(Renewal::Fenced),
        Op::Complete(..) => OpAnswer::Completion(Completion::Fenced(None)),
        Op::Release(_) => OpAnswer::Released,
        _ => OpAnswer::Damaged(damage),
    }
}

fn decide(entry: &mut Option<Entry>, op: Op, address: Address, now: Timestamp) -> Decided<OpAnswer> {
    fn told<T>((answer, changed): Decided<T>, told: impl Fn(T) -> OpAnswer) -> Decided<OpAnswer> {
        (told(answer), changed)
    }
    match op {
        Op::Claim(request) | Op::ClaimForTransaction(request) => {
            told(entry::claim(entry, &request, now), OpAnswer::Claim)
        }
        Op::Renew(hold, lease) => told(entry::renew(entry, &hold, lease, now), OpAnswer::Renewal),
        Op::Complete(hold, record, retention) => {
            told(entry::complete(entry, &hold, record, retention, now), OpAnswer::Completion)
        }
        Op::Release(hold) => told(entry::release(entry, &hold, now), |()| OpAnswer::Released),
        Op::Resolve(request) => told(entry::resolve(entry, request, now), OpAnswer::Resolve),
        Op::Inspect(_) => (OpAnswer::Inspected(entry::inspect(entry.as_ref(), address, now)), Changed::No),
        Op::Forget(request) => told(entry::forget(entry, &request, now), OpAnswer::Forget),
        Op::Sweep => (OpAnswer::Swept(0), Changed::No),
    }
}

/// The addresses that `ops` are about, each once.
pub(super) fn addresses(ops: &[Op]) -> Vec<Address> {
    let mut seen = HashSet::with_capacity(ops.len());
    ops.iter().filter_map(Op::address).filter(|address| seen.insert(*address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        request::RequestFingerprint,
        store::{OnAbandoned, Origin, Token},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const RETENTION: Retention = Retention { replay: MINUTE, remember: Duration::ZERO };

    fn hold(token: u8) -> Hold {
        Hold {
            address: Address::from_bytes([1; 32]),
            token: Token::from_bytes([token; 16]),
            fingerprint: RequestFingerprint::from_bytes([2; 32]),
        }
    }

    fn claim(token: u8) -> Op {
        let on_abandoned = OnAbandoned::Refuse;
        Op::Claim(ClaimRequest {
            hold: hold(token),
            lease: MINUTE,
            on_abandoned,
            retention: MINUTE,
            origin: Origin::default(),
        })
    }

    fn complete(token: u8) -> Op {
        Op::Complete(hold(token), record(token), RETENTION)
    }

    fn record(byte: u8) -> Record {
        Record::from_bytes(vec![byte])
    }

    fn batch(found: Option<Found>, ops: Vec<Op>) -> (Vec<OpAnswer>, Changes) {
        let found = found.map(|found| (hold(0).address, found));
        let mut entries = Entries::new(found.into_iter().collect());
        let answers = ops.into_iter().map(|op| entries.answer(op, 0, NOW)).collect();
        (answers, entries.into_changes())
    }

    /// The entry that `ops` leave behind.
    fn left_by(ops: Vec<Op>) -> Entry {
        let (_, mut changes) = batch(None, ops);
        changes.put.pop().map(|(_, entry)| entry).expect("an entry is written")
    }

    const WON: OpAnswer = OpAnswer::Claim(Claim::Won { attempt: 1 });

    #[test]
    fn one_of_two_claims_in_a_batch_wins() {
        let (answers, changes) = batch(None, vec![claim(1), claim(2)]);
        assert_eq!(answers, [WON, OpAnswer::Claim(Claim::InFlight { lease_left: MINUTE })]);
        assert_eq!(changes.put.len(), 1);
        assert_eq!(changes.put[0].1.token, hold(1).token);
        assert!(changes.settled.is_empty(), "a claim settles nothing");
    }

    #[test]
    fn a_completion_is_replayed_within_its_batch() {
        let (answers, changes) = batch(None, vec![claim(1), complete(1), claim(2), complete(2)]);
        let replay = OpAnswer::Claim(Claim::Replay { record: record(1), left: MINUTE });
        let fenced = OpAnswer::Completion(Completion::Fenced(Some(record(1))));
        assert_eq!(answers, [WON, OpAnswer::Completion(Completion::Stored), replay, fenced]);
        assert_eq!((changes.put.len(), changes.settled.len()), (1, 1));
    }

    #[test]
    fn what_is_claimed_and_released_in_one_batch_is_not_written_but_told() {
        let (answers, changes) = batch(None, vec![claim(1), claim(2), Op::Release(hold(1))]);
        assert_eq!(answers[2], OpAnswer::Released);
        assert!(changes.put.is_empty() && changes.delete.is_empty());
        assert_eq!(changes.settled, [hold(1).address]);
    }

    #[test]
    fn a_released_address_is_claimed_anew_within_the_batch() {
        let (answers, changes) = batch(
            Some(Ok(left_by(vec![claim(1)]))),
            vec![Op::Release(hold(1)), claim(2), Op::Renew(hold(1), MINUTE)],
        );
        assert_eq!(answers, [OpAnswer::Released, WON, OpAnswer::Renewal(Renewal::Fenced)]);
        assert_eq!(changes.put[0].1.token, hold(2).token);
        assert!(changes.delete.is_empty() && changes.settled.is_empty());
    }

    #[test]
    fn a_release_deletes_what_was_stored() {
        let (_, changes) = batch(Some(Ok(left_by(vec![claim(1)]))), vec![Op::Release(hold(1))]);
        assert_eq!((changes.delete, changes.settled), (vec![hold(1).address], vec![hold(1).address]));
    }

    #[test]
    fn nothing_is_written_for_a_replay() {
        let (_, changes) = batch(Some(Ok(left_by(vec![claim(1), complete(1)]))), vec![claim(2), claim(3)]);
        assert!(changes.put.is_empty() && changes.delete.is_empty() && changes.settled.is_empty());
    }

    #[test]
    fn a_damaged_row_is_never_claimed_nor_written() {
        let ops = vec![claim(1), complete(1), Op::Renew(hold(1), MINUTE), Op::Release(hold(1)), claim(2)];
        let (answers, changes) = batch(Some(Err("the token is not one")), ops);
        let damaged = || OpAnswer::Damaged("the token is not one");
        let (fenced, lost) =
            (OpAnswer::Completion(Completion::Fenced(None)), OpAnswer::Renewal(Renewal::Fenced));
        assert_eq!(answers, [damaged(), fenced, lost, OpAnswer::Released, damaged()]);
        assert!(changes.put.is_empty() && changes.delete.is_empty());
    }

    #[test]
    fn only_a_batch_of_nothing_but_claims_of_transactions_may_be_lost() {
        let Op::Claim(request) = claim(1) else { unreachable!() };
        let of_a_transaction = || Op::ClaimForTransaction(request);
        assert!(may_be_lost(&[of_a_transaction(), of_a_transaction()]));
        for other in [claim(2), complete(1), Op::Release(hold(1)), Op::Renew(hold(1), MINUTE), Op::Sweep] {
            assert!(!may_be_lost(&[of_a_transaction(), other]));
        }
    }

    #[test]
    fn an_address_is_read_once_a_batch() {
        assert_eq!(addresses(&[claim(1), Op::Sweep, complete(1), claim(2)]), [hold(1).address]);
    }
}
