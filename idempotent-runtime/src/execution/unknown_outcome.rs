//! Records that nobody will ever know what became of an execution.

use std::time::Duration;

use super::{
    claimed::Claimed,
    completion::{CompletionOutcome, complete},
};
use crate::{record, store::Retention};

/// Records that there is no outcome to be known. The record says so for as long as the key would
/// have been remembered: it never becomes `expired`, which would say that there was a known
/// outcome.
pub(crate) async fn complete_as_unknown(claimed: Claimed) -> CompletionOutcome {
    let Retention { replay, remember } = claimed.retention;
    let retention = Retention { replay: replay.saturating_add(remember), remember: Duration::ZERO };
    complete(Claimed { retention, ..claimed }, record::of_unknown()).await
}
