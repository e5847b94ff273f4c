//! Phases of a flight.

use crate::{
    reason::Reason,
    request::RequestFingerprint,
    store::{Hold, Record},
};

// Moves of a flight. Only its leader makes them, by value, so a flight ends exactly once:
//
//   claiming ─ a claim is sent ──────────▶ claiming, under a hold that may stand: its lease is kept
//   claiming ─ the store says won ───────▶ running
//   claiming ─ another node runs it ─────▶ elsewhere ─ something changed there ─▶ claiming again
//                                           └ the leader waits no longer ─▶ ended: released, or
//                                                                           settled
//   claiming ─ the store has a record ───▶ ended: completed
//   claiming ─ the store refuses, or fails ─▶ ended: settled
//   claiming ─ the store fails, and the application wants the request run
//              ─▶ unprotected ───────────▶ ended: settled, or released
//   running  ─ the store is told what has become of it
//              ─▶ finishing: the hold may have ended, and its lease is kept
//   finishing ─ the store has the response ▶ ended: completed
//   finishing ─ the handler never began, or its response is not to be stored ─▶ ended: released
//   finishing ─ fenced, and another has completed ▶ ended: completed, with the record of the other
//   finishing ─ fenced, and nobody has completed ─▶ ended: unrecorded (lost, if nothing was kept)
//   any      ─ the leader is dropped ────▶ ended: lost (panicked, if that is why)
//
// A flight leaves the table before it ends, and the store knows its outcome before it leaves the
// table. A request that looks for it in between asks the store.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The leader asks the store. Holds the claim once it is sent.
    Claiming(Option<Hold>),
    /// Another node runs the request with this fingerprint; the leader waits for it.
    Elsewhere(RequestFingerprint),
    /// The leader has won this claim, and runs the request.
    Running(Hold),
    /// The request of this claim has run, and the store is told what has become of it.
    Finishing(Hold),
    /// The leader runs the request with this fingerprint, without a claim.
    Unprotected(RequestFingerprint),
    /// The leader is done.
    Ended(Ending),
}

impl Phase {
    /// The claim whose lease is kept, if there is one.
    pub(super) fn kept(&self) -> Option<KeptClaim> {
        match self {
            Phase::Claiming(Some(hold)) => Some(KeptClaim { hold: *hold, stage: ClaimStage::Sent }),
            Phase::Running(hold) | Phase::Finishing(hold) => {
                Some(KeptClaim { hold: *hold, stage: ClaimStage::Won })
            }
            _ => None,
        }
    }
}

/// A claim whose lease is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptClaim {
    pub(crate) hold: Hold,
    pub(crate) stage: ClaimStage,
}

/// Knowledge of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimStage {
    /// It has been sent. It may have been won already, or be carried out later, or never.
    Sent,
    /// It has been won.
    Won,
}

/// End of a flight.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The store has this record.
    Completed(RequestFingerprint, Record),
    /// The request has run, and this record holds its outcome. Its claim had been lost, so no store
    /// has the record.
    Unrecorded(RequestFingerprint, Record),
    /// The store gave, or failed to give, an answer that holds for equal requests.
    Settled(RequestFingerprint, Reason),
    /// The key is free again.
    Released,
    /// The leader went without saying how the flight ended. The store knows more.
    Lost,
    /// The leader panicked outside the handler; the store knows more.
    Panicked,
}
