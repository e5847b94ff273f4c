//! Reasons that a request has no output of its own.

use std::time::Duration;

/// Reason of a refusal, as a name that never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCode {
    /// `key_missing`: the endpoint requires a key, and none was sent.
    KeyMissing,
    /// `key_invalid`: the header does not hold one key.
    KeyInvalid,
    /// `body_too_large`: the body is longer than the limit.
    BodyTooLarge,
    /// `key_reused`: the key was used with another request.
    KeyReused,
    /// `in_progress`: the first execution still runs.
    InProgress,
    /// `outcome_unknown`: the earlier execution died without an outcome, or its outcome cannot be
    /// read.
    OutcomeUnknown,
    /// `response_not_stored`: the effect happened, and its response was not kept.
    ResponseNotStored,
    /// `key_expired`: the response has expired.
    KeyExpired,
    /// `store_unavailable`: the store does not answer.
    StoreUnavailable,
    /// `store_full`: the store has no room for a new key.
    StoreFull,
    /// `too_many_keys`: the caller has as many keys in the store as one caller may.
    TooManyKeys,
    /// `shutting_down`: the server accepts no new keys.
    ShuttingDown,
    /// `body_timeout`: nothing of the body arrived for its time limit, or less than 512 bytes per
    /// second.
    BodyTimeout,
}

impl RefusalCode {
    /// Name of the code, as in the refusal's `code`.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::KeyMissing => "key_missing",
            RefusalCode::KeyInvalid => "key_invalid",
            RefusalCode::BodyTooLarge => "body_too_large",
            RefusalCode::KeyReused => "key_reused",
            RefusalCode::InProgress => "in_progress",
            RefusalCode::OutcomeUnknown => "outcome_unknown",
            RefusalCode::ResponseNotStored => "response_not_stored",
            RefusalCode::KeyExpired => "key_expired",
            RefusalCode::StoreUnavailable => "store_unavailable",
            RefusalCode::StoreFull => "store_full",
            RefusalCode::TooManyKeys => "too_many_keys",
            RefusalCode::ShuttingDown => "shutting_down",
            RefusalCode::BodyTimeout => "body_timeout",
        }
    }
}

/// Code of a refusal, and more than the code where there is more to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reason {
    pub(crate) code: RefusalCode,
    pub(crate) detail: Option<Detail>,
    /// Seconds to wait, where more is known of that than the code tells.
    pub(crate) retry_after: Option<u32>,
}

/// Facts that a code alone does not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detail {
    /// A sentence on what happened and what to do next.
    Sentence(&'static str),
    /// Mistake in what is to be a key.
    Mistake(&'static str),
    /// The key tells a time that is too long ago.
    Old,
    /// The caller may be another one, who is told apart by credentials.
    Credentials,
}

impl Reason {
    /// Reason `code`, without more to say.
    pub(crate) const fn new(code: RefusalCode) -> Self {
        Reason { code, detail: None, retry_after: None }
    }

    /// Adds the time to wait, where it is known. A part of a second counts as a second.
    pub(crate) fn retry_after(self, wait: Option<Duration>) -> Self {
        let seconds = |wait: Duration| u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        Reason { retry_after: wait.map(seconds), ..self }
    }

    /// Adds a second possible reason, for callers who are told apart by their credentials.
    pub(crate) fn by_credentials(self) -> Self {
        match self.code {
            RefusalCode::KeyReused => Reason { detail: Some(Detail::Credentials), ..self },
            _ => self,
        }
    }
}

impl From<RefusalCode> for Reason {
    fn from(code: RefusalCode) -> Self {
        Reason::new(code)
    }
}
