//! A warning for each endpoint whose callers a cookie tells apart, once in this process.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
};

use crate::{
    policy::Policy,
    request::{Caller, Credentials, Presented},
};

/// The handlers that have been warned of.
static WARNED: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());

/// Warns of the endpoint with this policy if a cookie tells its `caller` from others. Credentials
/// that the application has named are meant so.
pub(super) fn warn_of_cookies(policy: &Policy, credentials: &Credentials, caller: &Caller<'_>) {
    let by_cookie = || caller.credentials().iter().any(Presented::is_cookie);
    let is_new = || !WARNED.read().unwrap_or_else(PoisonError::into_inner).contains(policy.handler);
    if matches!(credentials, Credentials::Usual) && by_cookie() && is_new() {
        warn_of(policy.handler);
    }
}

#[cold]
fn warn_of(handler: &'static str) {
    if WARNED.write().unwrap_or_else(PoisonError::into_inner).insert(handler) {
        tracing::warn!(
            handler,
            "cookies tell the callers of this endpoint apart: one that changes between a try and its retry makes the retry `key_reused`; \
             set `principal_from`, or `credentials` with the cookie that names the session"
        );
    }
}
