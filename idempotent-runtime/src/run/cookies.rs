//! A warning for each endpoint whose callers a cookie tells apart, once in this process.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
};

use crate::{
    policy_ref::PolicyRef,
    request::{Caller, Credentials, Presented},
};

/// Names of the endpoints that have been warned of.
static WARNED: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Warns of the endpoint with this policy if a cookie tells its `caller` from others. Credentials
/// that the application has named are meant so.
pub(super) fn warn_of_cookies(policy: &PolicyRef, credentials: &Credentials, caller: &Caller<'_>) {
    let by_cookie = || caller.credentials().iter().any(Presented::is_cookie);
    let is_new = || !WARNED.read().unwrap_or_else(PoisonError::into_inner).contains(policy.name());
    if matches!(credentials, Credentials::Usual) && by_cookie() && is_new() {
        warn_of(policy.name());
    }
}

#[cold]
fn warn_of(handler: &str) {
    if WARNED.write().unwrap_or_else(PoisonError::into_inner).insert(handler.to_owned()) {
        tracing::warn!(
            handler,
            "cookies tell the callers of this endpoint apart: one that changes between a try and its retry makes the retry `key_reused`; \
             set `principal_from`, or `credentials` with the cookie that names the session"
        );
    }
}
