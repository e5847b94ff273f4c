//! A completed request: replayed for a while, then perhaps remembered as expired.

use std::time::Duration;

use bytes::Bytes;

use super::{budget::ENTRY, compact::Compact};
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
    // Milliseconds after that.
    remembered_for: Compact<5>,
    // Which completion of the store it was, and in the lowest byte at which attempt.
    serial: Compact<7>,
    caller: Option<CallerId>,
    endpoint: u16,
}

// One byte more would make every entry 16 bytes larger: the allocator's next size.
const _: () = assert!(size_of::<Entry>() <= 104);

/// How many attempts are told apart.
const ATTEMPTS: u64 = 1 << 8;

/// The serial number of the store's completion number `completion`, of a request at this attempt.
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

    /// Says which completion it is, and of whose claim.
    pub(super) fn enter(&mut self, serial: u64, origin: Origin) {
        self.serial = serial.into();
        self.caller = origin.caller();
        self.endpoint = origin.named_endpoint().number();
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// Whose share it counts for.
    pub(super) fn caller(&self) -> Option<CallerId> {
        self.caller
    }

    /// Which endpoint was asked.
    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::of_number(self.endpoint)
    }

    fn replayed_until(&self) -> Timestamp {
        Timestamp::from_millis(self.replayed_until.get())
    }

    fn remembered_until(&self) -> Timestamp {
        self.replayed_until().after(Duration::from_millis(self.remembered_for.get()))
    }

    /// At which attempt it was completed, as far as attempts are told apart.
    pub(super) fn attempt(&self) -> u32 {
        u32::try_from(self.serial() % ATTEMPTS).unwrap_or_default()
    }

    /// What it counts for in the budget.
    pub(super) fn bytes(&self) -> u64 {
        ENTRY + self.record_bytes()
    }

    fn record_bytes(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.len() as u64)
    }

    /// When it has to be looked at next: to drop its record, or all of it.
    pub(super) fn due(&self) -> Timestamp {
        if self.record.is_some() { self.replayed_until() } else { self.remembered_until() }
    }

    /// Whether it still says something: its record, or that it has expired.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        now < self.remembered_until()
    }

    /// Whether its record is replayed.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.live(now).is_some()
    }

    /// Its record, and for how long it is replayed.
    fn live(&self, now: Timestamp) -> Option<(Record, Duration)> {
        let record = self.record.as_ref().filter(|_| now < self.replayed_until())?;
        Some((Record::from_bytes(record.clone()), self.replayed_until().since(now)))
    }

    /// Its record, if this is the request that it is replayed to.
    pub(super) fn recall(&self, fingerprint: RequestFingerprint, now: Timestamp) -> Option<Record> {
        self.live(now).filter(|_| self.fingerprint == fingerprint).map(|(record, _)| record)
    }

    /// Drops the record, which has expired. How many bytes that frees.
    pub(super) fn drop_record(&mut self) -> u64 {
        let bytes = self.record_bytes();
        self.record = None;
        bytes
    }

    /// Decides a claim on this entry, which is kept.
    pub(super) fn claim(&self, hold: &Hold, now: Timestamp) -> Claim {
        if self.fingerprint != hold.fingerprint {
            return Claim::Reused;
        }
        self.live(now).map_or(Claim::Expired, |(record, left)| Claim::Replay { record, left })
    }

    /// What to tell a hold that wants to complete what is completed, and kept.
    pub(super) fn verdict_on(&self, hold: &Hold, now: Timestamp) -> Completion {
        match self.live(now) {
            _ if self.token == hold.token => Completion::Stored,
            Some((record, _)) if self.fingerprint == hold.fingerprint => Completion::Fenced(Some(record)),
            _ => Completion::Fenced(None),
        }
    }

    /// What is known of it, if it is kept.
    pub(super) fn inspect(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        let live = self.live(now);
        let standing = live.map_or(Standing::Expired, |(record, left)| Standing::Completed { record, left });
        let (token, attempt, kept_for) = (self.token, self.attempt(), self.remembered_until().since(now));
        self.is_kept(now).then_some(Inspection { address, token, attempt, standing, kept_for })
    }

    /// When it is forgotten, if `record` is replayed.
    pub(super) fn forgotten_if_live_with(&self, record: &Record, now: Timestamp) -> Option<Timestamp> {
        let is_so = self.record.as_ref() == Some(record.as_bytes()) && now < self.replayed_until();
        is_so.then(|| self.remembered_until())
    }

    /// Whether a resolution may replace this entry, which is kept; or what it is answered.
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

    /// The same request's entry with another record, for as long.
    pub(super) fn with(&self, record: &Record, token: Token, serial: u64) -> Self {
        let record = Some(Bytes::copy_from_slice(record.as_bytes()));
        Entry { record, token, serial: serial.into(), ..*self }
    }
}
