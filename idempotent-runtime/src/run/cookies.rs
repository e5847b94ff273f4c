//! A warning for each endpoint whose callers a cookie tells apart, once in this process.

use super::warned::Warned;
use crate::{
    policy_ref::PolicyRef,
    request::{Caller, Credentials, Presented},
};

static WARNED: Warned = Warned::nothing();

/// Warns of the endpoint with this policy if a cookie tells its `caller` from others. Credentials
/// that the application has named are meant so.
pub(super) fn warn_of_cookies(policy: &PolicyRef, credentials: &Credentials, caller: &Caller<'_>) {
    let by_cookie = || caller.credentials().iter().any(Presented::is_cookie);
    if matches!(credentials, Credentials::Usual) && by_cookie() && WARNED.is_first(policy.name(), "") {
        tracing::warn!(
            handler = policy.name(),
            "cookies tell the callers of this endpoint apart: one that changes between a try and its retry makes the retry `key_reused`; \
             set `principal_from`, or `credentials` with the cookie that names the session"
        );
    }
}
