//! Settings that the builder was given, and those that hold where it was given none.

use std::{borrow::Cow, time::Duration};

use actix_web::http::header::HeaderName;

use crate::{
    clock::{Clock, Timestamp, WallClock},
    observe::ListenerHandle,
    policy::{Defaults, Policy, PrincipalSource},
    reconcile::Reconcile,
    request::{AppPrincipal, Credentials, KeyFormat, KeyRules},
    response::{InForce, ProblemFormat, REUSED, refusal::RefusalSettings},
    sync,
};

/// Answer to a request for which the store fails at its claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreError {
    /// The request is refused with `store_unavailable`, and nothing is executed.
    #[default]
    Refuse,
    /// The request is executed unprotected, with a warning in the log. A retry executes it again.
    Execute,
}

/// Settings that the builder was given.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) principal: Option<AppPrincipal>,
    pub(crate) credentials: Credentials,
    pub(crate) reconcile: Option<std::sync::Arc<dyn Reconcile>>,
    pub(crate) listener: Option<std::sync::Arc<ListenerHandle>>,
    pub(crate) header_name: HeaderName,
    pub(crate) key_format: KeyFormat,
    /// Clock by which the time that a key tells is judged.
    pub(crate) clock: sync::Arc<dyn Clock>,
    pub(crate) lease: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) max_request_body: usize,
    pub(crate) max_response_body: usize,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) remember_expired: Duration,
    pub(crate) replay_set_cookie: bool,
    /// Values for what attributes leave out.
    pub(crate) defaults: Defaults,
}

impl Settings {
    /// Rules for keys.
    pub(crate) fn key_rules(&self) -> KeyRules<impl FnOnce() -> Timestamp> {
        KeyRules { format: self.key_format, now: || self.clock.now() }
    }

    /// True where a principal tells apart the callers of an endpoint with this policy.
    pub(crate) fn name_callers(&self, policy: &Policy) -> bool {
        self.principal.is_some() || !matches!(policy.principal, PrincipalSource::Application)
    }

    /// Name of the first setting in which these and `other` tell keys apart otherwise.
    pub(super) fn difference_of_keys(&self, other: &Settings) -> Option<&'static str> {
        let is_one_principal = match (&self.principal, &other.principal) {
            (Some(one), Some(other)) => one.is(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let names = [
            (self.namespace == other.namespace, "namespace"),
            (is_one_principal, "principal"),
            (self.credentials == other.credentials, "credentials"),
        ];
        names.into_iter().find_map(|(is_one, name)| (!is_one).then_some(name))
    }
}

/// Lease of claims where none is set.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Time limit for a body where none is set.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest body where none is set.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// Name of the header that carries the key where none is set.
pub(crate) const HEADER: &str = "Idempotency-Key";
const HEADER_NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// Clock of keys where none is set: the one that clients set theirs by.
pub(crate) fn wall_clock() -> sync::Arc<dyn Clock> {
    sync::Arc::new(WallClock)
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            namespace: String::new(),
            principal: None,
            credentials: Credentials::Usual,
            reconcile: None,
            listener: None,
            header_name: HEADER_NAME,
            key_format: KeyFormat::Any,
            clock: wall_clock(),
            lease: LEASE,
            body_timeout: BODY_TIMEOUT,
            max_request_body: BODY_LIMIT,
            max_response_body: BODY_LIMIT,
            on_store_error: OnStoreError::Refuse,
            remember_expired: Duration::ZERO,
            replay_set_cookie: false,
            defaults: Defaults::UNSET,
        }
    }
}

/// Settings that refusals name.
pub(crate) fn in_force(header: Cow<'static, str>, settings: &Settings) -> InForce {
    let Settings { max_request_body, body_timeout, ref credentials, key_format, .. } = *settings;
    let max_age = match key_format {
        KeyFormat::UuidV7 { max_age } => Some(max_age),
        KeyFormat::Any | KeyFormat::Uuid => None,
    };
    InForce { header, max_request_body, body_timeout, max_age, credentials: credentials.to_string() }
}

/// Settings of refusals that hold where nothing is set.
pub(crate) fn default_refusals() -> RefusalSettings {
    RefusalSettings {
        format: ProblemFormat::Problem,
        type_base: None,
        reused_status: REUSED,
        should_retry_header: false,
        in_force: in_force(Cow::Borrowed(HEADER), &Settings::default()),
    }
}
