//! Where a flight stands.

use crate::{
    request::RequestFingerprint,
    response::Code,
    store::{Hold, Record},
};

// Who moves a flight, and where to. Only its leader does, by value, so it ends exactly once:
//
//   claiming ─ the store says won ────────────────▶ running
//   claiming ─ another node runs it ──────────────▶ elsewhere ─ something changed there ─▶ as the store answers now
//                                                       └ the leader waits no longer ────▶ ended: released, or settled
//   claiming ─ the store has a record ────────────▶ ended: completed
//   claiming ─ the store refuses, or fails ───────▶ ended: settled
//   claiming ─ the store fails, and the application wants the request run ─▶ unprotected ─▶ ended: settled, or released
//   running  ─ the store has the response ────────▶ ended: completed
//   running  ─ the handler never began, or its response is not to be stored ─▶ ended: released
//   any      ─ the leader is dropped, or fenced ──▶ ended: lost       (panicked, if that is why)
//
// Before it ends a flight leaves the table, and before it leaves the table the store knows. Whoever looks for it in
// between asks the store.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The leader asks the store.
    Claiming,
    /// Another node runs the request with this fingerprint; the leader waits for it.
    Elsewhere(RequestFingerprint),
    /// The leader has won this claim, and runs the request.
    Running(Hold),
    /// The leader runs the request with this fingerprint, without a claim.
    Unprotected(RequestFingerprint),
    /// The leader is done.
    Ended(Ending),
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The store has this record.
    Completed(RequestFingerprint, Record),
    /// The store gave, or failed to give, an answer that holds for equal requests.
    Settled(RequestFingerprint, Code),
    /// The key is free again.
    Released,
    /// The leader went without a word; the store knows more.
    Lost,
    /// The leader panicked outside the handler; the store knows more.
    Panicked,
}
