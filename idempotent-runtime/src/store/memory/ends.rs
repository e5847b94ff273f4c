//! Looked-up ends of entries, for callers that were refused.

use std::{collections::HashMap, time::Duration};

use crate::{
    clock::Timestamp,
    request::CallerId,
    sync::{Mutex, lock},
};

/// The shortest time in an answer. An answer that was looked up is believed for as long.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);

/// Answers to callers that were refused lately: the time of the look-up, and the time at which an
/// entry ends.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<Option<CallerId>, (Timestamp, Timestamp)>>);

impl Ends {
    pub(super) fn find(&self, of: Option<CallerId>, now: Timestamp) -> Option<Timestamp> {
        let is_fresh = |(looked, _): &&(Timestamp, Timestamp)| now < looked.after(SHORTEST);
        lock(&self.0).get(&of).filter(is_fresh).map(|(_, end)| *end)
    }

    pub(super) fn keep(&self, of: Option<CallerId>, now: Timestamp, end: Timestamp) {
        let mut ends = lock(&self.0);
        ends.retain(|_, (looked, _)| now < looked.after(SHORTEST));
        ends.insert(of, (now, end));
    }
}
