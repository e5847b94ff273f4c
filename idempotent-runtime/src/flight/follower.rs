//! Waiting for a flight that another request leads.

use super::{Ending, Phase};
use crate::{places::Place, watch::Subscriber};

/// A request that waits for a flight.
#[derive(Debug)]
pub(crate) struct Follower {
    subscriber: Subscriber<Phase>,
    _place: Place,
}

impl Follower {
    pub(super) fn new(subscriber: Subscriber<Phase>, place: Place) -> Self {
        Follower { subscriber, _place: place }
    }

    /// Waits until the store has answered the leader's claim.
    pub(crate) async fn claimed(&mut self) -> Phase {
        self.subscriber.until(|phase| (!matches!(phase, Phase::Claiming(_))).then(|| phase.clone())).await
    }

    /// Waits until the flight has ended.
    pub(crate) async fn ended(&mut self) -> Ending {
        let ending = |phase: &Phase| match phase {
            Phase::Ended(ending) => Some(ending.clone()),
            _ => None,
        };
        self.subscriber.until(ending).await
    }
}
