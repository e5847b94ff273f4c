//! Time for which a caller that finds no room is to wait: until an entry ends.

use std::time::Duration;

use super::{
    claimed::Claimed,
    ends::SHORTEST,
    full::Full,
    store::{Memory, Shard},
    when_full::WhenFull,
};
use crate::{
    clock::{Clock, Timestamp},
    request::CallerId,
    shards::SHARDS,
};

/// The longest time in an answer.
const LONGEST: Duration = Duration::from_secs(3600);

impl Memory {
    /// Time until an entry ends and so leaves room to the caller that was refused.
    pub(super) fn retry_after(&self, full: Full) -> Duration {
        let of = match full {
            Full::Store => None,
            Full::Share(caller) => Some(caller),
        };
        let now = self.clock.now();
        let end = self.ends.find(of, now).unwrap_or_else(|| {
            let end = self.look_for_end(of, now.after(LONGEST));
            self.ends.keep(of, now, end);
            end
        });
        end.since(now).max(SHORTEST)
    }

    /// Time at which the first entry of this caller, or of anybody, ends; `latest` if none ends
    /// before.
    fn look_for_end(&self, of: Option<CallerId>, latest: Timestamp) -> Timestamp {
        let when_full = self.budget.when_full();
        (0..SHARDS).fold(latest, |first, index| self.shards.lock_at(index).first_end(of, first, when_full))
    }
}

impl Shard {
    fn first_end(&self, of: Option<CallerId>, latest: Timestamp, when_full: WhenFull) -> Timestamp {
        let is_meant = |caller: Option<CallerId>| of.is_none() || caller == of;
        let claims = self.claims.values().filter(|claim| is_meant(claim.origin().caller()));
        let claims = claims.map(|claim| leaves_room_at(claim, when_full));
        let mut completed = self.completed.due_after(None).take_while(|((due, _), ..)| *due < latest);
        let completed = completed.find(|(.., entry)| is_meant(entry.caller())).map(|((due, _), ..)| due);
        claims.chain(completed).fold(latest, Timestamp::min)
    }
}

/// Time at which a claim leaves room. Where the oldest make room it does so as soon as it is
/// completed, or at the end of its lease if it never is.
fn leaves_room_at(claim: &Claimed, when_full: WhenFull) -> Timestamp {
    match when_full {
        WhenFull::Refuse => claim.forgotten_at(),
        WhenFull::EvictOldest => claim.lease_until(),
    }
}
