//! Policy of what is done with no request at hand.

use crate::policy::{Policy, Scope};

/// Policy of a walk, and of the entries that it takes over.
pub(super) static POLICY: Policy =
    Policy { handler: "reconcile_stuck", scope: Scope::Global, ..Policy::PLAIN };
