//! Where a flight stands.

use crate::{
    request::RequestFingerprint,
    response::Reason,
    store::{Hold, Record},
};

// Who moves a flight, and where to. Only its leader does, by value, so it ends exactly once:
//
//   claiming ─ a claim is sent ───────────────────▶ claiming, under a hold that may stand: its lease is kept from now on
//   claiming ─ the store says won ────────────────▶ running
//   claiming ─ another node runs it ──────────────▶ elsewhere ─ something changed there ─▶ claiming again
//                                                       └ the leader waits no longer ────▶ ended: released, or settled
//   claiming ─ the store has a record ────────────▶ ended: completed
//   claiming ─ the store refuses, or fails ───────▶ ended: settled
//   claiming ─ the store fails, and the application wants the request run ─▶ unprotected ─▶ ended: settled, or released
//   running  ─ what has become of it is sent to the store ─▶ finishing: the hold may have ended, and its lease is kept
//   finishing ─ the store has the response ───────▶ ended: completed
//   finishing ─ the handler never began, or its response is not to be stored ─▶ ended: released
//   finishing ─ fenced, and another has completed ▶ ended: completed, with the record of the other
//   finishing ─ fenced, and nobody has completed ─▶ ended: unrecorded (lost, if nothing of it was kept)
//   any      ─ the leader is dropped ─────────────▶ ended: lost       (panicked, if that is why)
//
// Before it ends a flight leaves the table, and before it leaves the table the store knows. Whoever
// looks for it in between asks the store.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The leader asks the store, under this hold once its claim is sent.
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

/// How much is known of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimStage {
    /// It has been sent. It may have been won already, or be carried out later, or never.
    Sent,
    /// It has been won.
    Won,
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The store has this record.
    Completed(RequestFingerprint, Record),
    /// The request has run, and this is what it has come to; but its claim had been lost, so no
    /// store has it.
    Unrecorded(RequestFingerprint, Record),
    /// The store gave, or failed to give, an answer that holds for equal requests.
    Settled(RequestFingerprint, Reason),
    /// The key is free again.
    Released,
    /// The leader went without a word; the store knows more.
    Lost,
    /// The leader panicked outside the handler; the store knows more.
    Panicked,
}
