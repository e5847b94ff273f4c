//! Knowledge behind a context, which all clones of the context share.

use super::steps::Steps;
use crate::{attempt::Attempt, engine::Idempotency};

/// The attempt that runs, and the steps that it has come to.
pub(super) struct State {
    pub(super) attempt: Attempt,
    pub(super) app: Idempotency,
    pub(super) steps: Steps,
}
