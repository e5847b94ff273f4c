//! Policy of what is done with no request at hand.

use crate::policy::{Fingerprint, KeySource, Policy, PrincipalSource, Scope};

/// Policy of a walk, and of the entries that it takes over.
pub(super) static POLICY: Policy = Policy {
    handler: "reconcile_stuck",
    ttl: None,
    scope: Scope::Global,
    required: None,
    wait: None,
    replay: None,
    fingerprint: Fingerprint::Raw,
    principal: PrincipalSource::Application,
    key: KeySource::Application,
    abandoned: None,
    transaction: false,
    headers: &[],
    not_stored: &[],
};
