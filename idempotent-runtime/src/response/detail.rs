//! Sentences of refusals. They say what happened and what to do next, with the header, the limit
//! and the setting in force.

use std::{borrow::Cow, fmt, time::Duration};

use super::units::{Bytes, Time};
use crate::{
    policy::{KeySource, Policy},
    reason::{Detail, Reason, RefusalCode},
};

/// Settings that refusals name.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    /// Header that carries the key, as the application spells it.
    pub(crate) header: Cow<'static, str>,
    pub(crate) max_request_body: usize,
    pub(crate) body_timeout: Duration,
    /// Greatest age of a key that tells its time.
    pub(crate) max_age: Option<Duration>,
    /// Parts of a request by which callers are told apart where no principal is configured.
    pub(crate) credentials: String,
}

impl InForce {
    /// Sentence for `reason`, at an endpoint with this policy.
    pub(super) fn detail(&self, reason: Reason, policy: &Policy) -> Cow<'static, str> {
        match reason.detail {
            Some(Detail::Sentence(sentence)) => sentence.into(),
            Some(Detail::Mistake(mistake)) => self.invalid(policy, &format!(": {mistake}")),
            Some(Detail::Old) => self.old(),
            Some(Detail::Credentials) => reused(policy, Some(&self.credentials)),
            None => self.usual(reason.code, policy),
        }
    }

    /// Place where the key is looked for.
    fn place(&self, source: KeySource) -> String {
        match source {
            KeySource::Application => format!("the header {}", self.header),
            KeySource::Header(name) => format!("the header {name}"),
            KeySource::Json(pointer) => format!("the value at {pointer} in the JSON body"),
            KeySource::Form(name) => format!("the form field {name}"),
            KeySource::Query(name) => format!("the query parameter {name}"),
            KeySource::Function(_) => "the part of the request that this endpoint takes as its key".into(),
        }
    }

    fn invalid(&self, policy: &Policy, mistake: &str) -> Cow<'static, str> {
        format!("{} does not hold one valid key{mistake}.", Capital(&self.place(policy.key))).into()
    }

    /// Sentence for a key that tells a time too long ago.
    fn old(&self) -> Cow<'static, str> {
        let age = Time(self.max_age.unwrap_or_default());
        format!(
            "The time that this key tells is more than {age} ago, the limit that `max_age` sets. A request with it may have taken \
             effect, and nothing was asked of the store. Use a new key only for a new operation."
        )
        .into()
    }

    /// Sentence for a code where nothing more precise is known.
    fn usual(&self, code: RefusalCode, policy: &Policy) -> Cow<'static, str> {
        match code {
            RefusalCode::KeyMissing => format!(
                "This endpoint requires {}: a unique value for each operation, sent again when the operation is retried.",
                self.place(policy.key)
            )
            .into(),
            RefusalCode::KeyInvalid => self.invalid(policy, ""),
            RefusalCode::BodyTooLarge => format!(
                "The request body is longer than {}, the limit that `max_request_body` sets. Nothing was executed.",
                Bytes(self.max_request_body)
            )
            .into(),
            RefusalCode::BodyTimeout => format!(
                "Nothing of the request body arrived for {}, the limit that `body_timeout` sets, or less than \
                 512 bytes per second. Nothing was executed. Retry with the same key.",
                Time(self.body_timeout)
            )
            .into(),
            RefusalCode::KeyReused => reused(policy, None),
            RefusalCode::InProgress => {
                "The first request with this key is still running. Retry later with the same key.".into()
            }
            RefusalCode::OutcomeUnknown => {
                "An earlier request with this key ended without a known outcome. Find out whether it took effect before using a new key.".into()
            }
            RefusalCode::ResponseNotStored => {
                "The request with this key took effect, but its response was not stored and cannot be replayed. Do not send it again with a new key.".into()
            }
            RefusalCode::KeyExpired => {
                "The request with this key took effect, and its response has expired. Use a new key for a new operation.".into()
            }
            RefusalCode::StoreUnavailable | RefusalCode::StoreFull => {
                "The request was not executed. Retry later with the same key.".into()
            }
            RefusalCode::TooManyKeys => {
                "You have as many keys in use as one caller may. The request was not executed. Retry later with the same key.".into()
            }
            RefusalCode::ShuttingDown => {
                "The server is shutting down and did not execute the request. Retry with the same key.".into()
            }
        }
    }
}

/// Sentence for a key that was used with another request, or where callers are told apart by these
/// credentials, by another caller.
fn reused(policy: &Policy, credentials: Option<&str>) -> Cow<'static, str> {
    let headers = policy.headers.join(", ");
    let headers = if headers.is_empty() { headers } else { format!(", with other values of {headers}") };
    let (others, again) = match credentials.filter(|names| !names.is_empty()) {
        Some(names) => (format!(", or with other credentials ({names})"), " with the same credentials"),
        None => (String::new(), ""),
    };
    format!(
        "This key was used with a different request{headers}{others}. Use a new key for a new operation; to retry, send the \
         same request{again}."
    )
    .into()
}

/// A text with a capital at its beginning.
struct Capital<'a>(&'a str);

impl fmt::Display for Capital<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.iter().try_for_each(|first| write!(f, "{first}"))?;
        f.write_str(chars.as_str())
    }
}
