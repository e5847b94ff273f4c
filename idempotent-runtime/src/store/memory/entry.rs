//! A completed request: replayed for a while, then perhaps remembered as expired.

use std::time::Duration;

use bytes::Bytes;

use super::{change::ENTRY, compact::Compact};
use crate::{
    clock::Timestamp,
    request::{Address, CallerId, Endpoint, RequestFingerprint},
    store::{
        Claim, Completion, Hold, Inspection, Origin, Record, Resolve, ResolveRequest, Retention, Standing,
        Token,
    },
};

#[derive(Debug)]
pub(super) struct Entry {
    // Only this entry's record, in an allocation of its length; `None` once it has expired.
    record: Option<Bytes>,
    fingerprint: RequestFingerprint,
    token: Token,
    // Milliseconds since 1970.
    replayed_until: Compact<6>,
    // Milliseconds after `replayed_until`.
    remembered_for: Compact<5>,
    // Number of the completion in the store; the lowest byte is the attempt.
    serial: Compact<7>,
    caller: Option<CallerId>,
    endpoint: u16,
}

// One byte more would make every entry 16 bytes larger: the allocator's next size.
const _: () = assert!(size_of::<Entry>() <= 104);

/// Number of attempts that are told apart.
const ATTEMPTS: u64 = 1 << 8;

/// The serial number of completion number `completion` of the store, for a request at this attempt.
pub(super) fn serial(completion: u64, attempt: u32) -> u64 {
    completion * ATTEMPTS + u64::from(attempt).min(ATTEMPTS - 1)
}

impl Entry {
    pub(super) fn new(hold: &Hold, record: &Record, retention: Retention, now: Timestamp) -> Self {
        Entry {
            record: Some(Bytes::copy_from_slice(record.as_bytes())),
            fingerprint: hold.fingerprint,
            token: hold.token,
            replayed_until: now.after(retention.replay).as_millis().into(),
            remembered_for: u64::try_from(retention.remember.as_millis()).unwrap_or(u64::MAX).into(),
            serial: 0.into(),
            caller: None,
            endpoint: 0,
        }
    }

    /// Writes down the number of the completion, and the origin of its claim.
    pub(super) fn enter(&mut self, serial: u64, origin: Origin) {
        self.serial = serial.into();
        self.caller = origin.caller();
        self.endpoint = origin.named_endpoint().number();
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// The caller whose share the entry counts for.
    pub(super) fn caller(&self) -> Option<CallerId> {
        self.caller
    }

    /// The endpoint that was asked.
    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::of_number(self.endpoint)
    }

    fn replayed_until(&self) -> Timestamp {
        Timestamp::from_millis(self.replayed_until.get())
    }

    fn remembered_until(&self) -> Timestamp {
        self.replayed_until().after(Duration::from_millis(self.remembered_for.get()))
    }

    /// The attempt that completed the entry, as far as attempts are told apart.
    pub(super) fn attempt(&self) -> u32 {
        u32::try_from(self.serial() % ATTEMPTS).unwrap_or_default()
    }

    /// Bytes that the entry counts for in the budget.
    pub(super) fn bytes(&self) -> u64 {
        ENTRY + self.record_bytes()
    }

    fn record_bytes(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.len() as u64)
    }

    /// Time at which the entry has to be looked at next: to drop its record, or all of it.
    pub(super) fn due(&self) -> Timestamp {
        if self.record.is_some() { self.replayed_until() } else { self.remembered_until() }
    }

    /// True until the time of the entry ends: its record is replayed, or the key is remembered as
    /// expired.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        now < self.remembered_until()
    }

    /// True while the record is replayed.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.live(now).is_some()
    }

    /// The record, and the time for which it is still replayed.
    fn live(&self, now: Timestamp) -> Option<(Record, Duration)> {
        let record = self.record.as_ref().filter(|_| now < self.replayed_until())?;
        Some((Record::from_bytes(record.clone()), self.replayed_until().since(now)))
    }

    /// The record, if it is replayed to a request with this fingerprint.
    pub(super) fn recall(&self, fingerprint: RequestFingerprint, now: Timestamp) -> Option<Record> {
        self.live(now).filter(|_| self.fingerprint == fingerprint).map(|(record, _)| record)
    }

    /// Drops the record, which has expired. Gives the number of bytes that this frees.
    pub(super) fn drop_record(&mut self) -> u64 {
        let bytes = self.record_bytes();
        self.record = None;
        bytes
    }

    /// Decides a claim on this entry, whose time has not ended.
    pub(super) fn claim(&self, hold: &Hold, now: Timestamp) -> Claim {
        if self.fingerprint != hold.fingerprint {
            return Claim::Reused;
        }
        self.live(now).map_or(Claim::Expired, |(record, left)| Claim::Replay { record, left })
    }

    /// Answer to a hold that wants to complete this entry, which is completed already and whose
    /// time has not ended.
    pub(super) fn verdict_on(&self, hold: &Hold, now: Timestamp) -> Completion {
        match self.live(now) {
            _ if self.token == hold.token => Completion::Stored,
            Some((record, _)) if self.fingerprint == hold.fingerprint => Completion::Fenced(Some(record)),
            _ => Completion::Fenced(None),
        }
    }

    /// Everything known of the entry, if its time has not ended.
    pub(super) fn inspect(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        let live = self.live(now);
        let standing = live.map_or(Standing::Expired, |(record, left)| Standing::Completed { record, left });
        let (token, attempt, kept_for) = (self.token, self.attempt(), self.remembered_until().since(now));
        let (label, fingerprint) = (self.endpoint().label().into(), self.fingerprint);
        let found = Inspection { address, token, attempt, standing, kept_for, label, fingerprint };
        self.is_kept(now).then_some(found)
    }

    /// Time at which the entry is forgotten, if `record` is its record and is replayed.
    pub(super) fn forgotten_if_live_with(&self, record: &Record, now: Timestamp) -> Option<Timestamp> {
        let is_so = self.record.as_ref() == Some(record.as_bytes()) && now < self.replayed_until();
        is_so.then(|| self.remembered_until())
    }

    /// Lets a resolution replace this entry, whose time has not ended; else gives the resolution's
    /// answer.
    pub(super) fn resolvable(&self, request: &ResolveRequest, now: Timestamp) -> Result<(), Resolve> {
        match self.live(now) {
            None => Err(Resolve::Expired),
            Some(_) if self.token == request.token => Err(Resolve::Done),
            Some((record, _)) if request.instead_of.as_ref() != Some(&record) => {
                Err(Resolve::Completed(record))
            }
            Some(_) => Ok(()),
        }
    }

    /// The same request's entry with another record. Its times stay.
    pub(super) fn with(&self, record: &Record, token: Token, serial: u64) -> Self {
        let record = Some(Bytes::copy_from_slice(record.as_bytes()));
        Entry { record, token, serial: serial.into(), ..*self }
    }
}
