//! The answers that are right: those of [`entry`], for the few keys of one sequence.

use std::{collections::HashMap, time::Duration};

use super::{
    answer::StoreAnswer,
    call::{Call, Verb},
    cast::Cast,
};
use crate::{
    clock::Timestamp,
    request::Address,
    store::{
        Forget, ForgetRequest, Standing,
        entry::{self, Decided, Entry},
    },
};

/// Entries, and a time that passes only when it is told to.
pub(super) struct Reference {
    entries: HashMap<Address, Entry>,
    now: Timestamp,
}

impl Reference {
    pub(super) fn new() -> Self {
        Reference { entries: HashMap::new(), now: Timestamp::from_millis(1) }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Answers `call`, in the order of the documents of [`Store`](crate::Store).
    pub(super) fn answer(&mut self, call: &Call, cast: &Cast) -> StoreAnswer {
        let address = cast.address(call.key);
        match &call.verb {
            Verb::Claim(claiming) => {
                let request = cast.claim(call.key, claiming);
                StoreAnswer::Claim(self.decide(address, |entry, now| entry::claim(entry, &request, now)))
            }
            Verb::Renew { owner, lease } => {
                let (hold, lease) = (cast.hold(call.key, *owner), cast.time(*lease));
                StoreAnswer::Renewal(
                    self.decide(address, |entry, now| entry::renew(entry, &hold, lease, now)),
                )
            }
            Verb::Complete { owner, record, replay, remember } => {
                let (hold, record) = (cast.hold(call.key, *owner), cast.record(*record));
                let retention = cast.retention(*replay, *remember);
                StoreAnswer::Completion(
                    self.decide(address, |entry, now| entry::complete(entry, &hold, record, retention, now)),
                )
            }
            Verb::Release { owner } => {
                let hold = cast.hold(call.key, *owner);
                self.decide(address, |entry, now| entry::release(entry, &hold, now));
                StoreAnswer::Released
            }
            Verb::Resolve { by, instead_of, outcome } => {
                let request = cast.resolve(call.key, *by, *instead_of, *outcome);
                StoreAnswer::Resolve(self.decide(address, |entry, now| entry::resolve(entry, request, now)))
            }
            Verb::Inspect => {
                StoreAnswer::Inspected(entry::inspect(self.entries.get(&address), address, self.now))
            }
            Verb::Forget { token, stage } => {
                let token = cast.token(call.key, *token);
                StoreAnswer::Forget(self.forget(&ForgetRequest { address, token, stage: *stage }))
            }
            Verb::Recall { owner } => {
                let replayed = self.completed(address, cast, *owner);
                StoreAnswer::Recalled(replayed)
            }
            Verb::Stuck => StoreAnswer::Stuck(self.stuck(cast)),
        }
    }

    fn decide<T>(
        &mut self,
        address: Address,
        decide: impl FnOnce(&mut Option<Entry>, Timestamp) -> Decided<T>,
    ) -> T {
        let mut entry = self.entries.remove(&address);
        let (answer, _) = decide(&mut entry, self.now);
        self.entries.extend(entry.map(|entry| (address, entry)));
        answer
    }

    fn forget(&mut self, request: &ForgetRequest) -> Forget {
        let answer = self.decide(request.address, |entry, now| entry::forget(entry, request, now));
        if answer == Forget::Done {
            let (beginning, now) = (request.address.beginning(), self.now);
            self.entries
                .retain(|other, entry| other.beginning() != beginning || entry.lease_left(now).is_some());
        }
        answer
    }

    /// The record that a claim by this owner would replay.
    fn completed(&self, address: Address, cast: &Cast, owner: usize) -> Option<crate::store::Record> {
        let entry = self.entries.get(&address)?;
        match entry::inspect(Some(entry), address, self.now)?.standing {
            Standing::Completed { record, .. } if entry.fingerprint == cast.fingerprint(owner) => {
                Some(record)
            }
            _ => None,
        }
    }

    fn stuck(&self, cast: &Cast) -> Vec<crate::store::Inspection> {
        let request = cast.stuck(None);
        let entries = self.entries.iter();
        let looked_at =
            entries.filter_map(|(address, entry)| entry::inspect(Some(entry), *address, self.now));
        looked_at.filter(|entry| request.wants(entry)).collect()
    }
}
