//! The decision of a resolution: an entry is ended by hand.

use super::{Changed, Decided, Entry, State};
use crate::{
    clock::Timestamp,
    store::{Resolve, ResolveRequest},
};

/// Decides a resolution, in the order of [`Store::resolve`](crate::Store::resolve).
pub fn resolve(entry: &mut Option<Entry>, request: ResolveRequest, now: Timestamp) -> Decided<Resolve> {
    let Some(ended) = entry.as_mut().filter(|entry| entry.is_kept(now)) else {
        return (Resolve::Vacant, Changed::No);
    };
    let replay_until = match ended.resolvable(&request, now) {
        Ok(replay_until) => replay_until,
        Err(answer) => return (answer, Changed::No),
    };
    match request.outcome {
        None => *entry = None,
        Some(record) => {
            ended.token = request.token;
            ended.state = State::Completed { record, replay_until };
        }
    }
    (Resolve::Done, Changed::Yes)
}

impl Entry {
    /// Time until which the resolution's record is replayed; or the resolution's answer, where it
    /// records nothing.
    fn resolvable(&self, request: &ResolveRequest, now: Timestamp) -> Result<Timestamp, Resolve> {
        if let Some(lease_left) = self.lease_left(now) {
            return Err(Resolve::Running { lease_left });
        }
        match &self.state {
            State::Claimed { .. } | State::Abandoned { .. } => Ok(self.forget_at),
            State::Expired { .. } => Err(Resolve::Expired),
            State::Completed { replay_until, .. } if *replay_until <= now => Err(Resolve::Expired),
            State::Completed { .. } if self.token == request.token => Err(Resolve::Done),
            State::Completed { record, replay_until } if request.instead_of.as_ref() == Some(record) => {
                Ok(*replay_until)
            }
            State::Completed { record, .. } => Err(Resolve::Completed(record.clone())),
        }
    }
}
