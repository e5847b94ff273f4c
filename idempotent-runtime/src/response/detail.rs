//! Sentences of refusals. They say what happened and what to do next, with the header, the limit
//! and the setting in force.

use std::{borrow::Cow, fmt, time::Duration};

use crate::{
    policy::KeySource,
    reason::{Reason, RefusalCode},
};

/// Settings that refusals name.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    /// Header that carries the key, as the application spells it.
    pub(crate) header: Cow<'static, str>,
    pub(crate) max_request_body: usize,
    pub(crate) body_timeout: Duration,
}

impl InForce {
    /// Sentence for `reason`, at an endpoint whose keys are in `source`.
    pub(super) fn detail(&self, reason: Reason, source: KeySource) -> Cow<'static, str> {
        match (reason.code, reason.detail) {
            (RefusalCode::KeyInvalid, Some(mistake)) => {
                format!("{} does not hold one valid key: {mistake}.", Capital(&self.place(source))).into()
            }
            (_, Some(detail)) => detail.into(),
            (code, None) => self.usual(code, source),
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

    /// Sentence for a code where nothing more precise is known.
    fn usual(&self, code: RefusalCode, source: KeySource) -> Cow<'static, str> {
        let InForce { max_request_body, body_timeout, .. } = self;
        let fixed = match code {
            RefusalCode::KeyMissing => {
                return format!(
                    "This endpoint requires {}: a unique value for each operation, sent again when the operation is retried.",
                    self.place(source)
                )
                .into();
            }
            RefusalCode::KeyInvalid => {
                return format!("{} does not hold one valid key.", Capital(&self.place(source))).into();
            }
            RefusalCode::BodyTooLarge => {
                return format!(
                    "The request body is longer than {}, the limit that `max_request_body` sets. Nothing was executed.",
                    Bytes(*max_request_body)
                )
                .into();
            }
            RefusalCode::BodyTimeout => {
                return format!(
                    "Nothing of the request body arrived for {body_timeout:?}, the limit that `body_timeout` sets, or less than \
                     512 bytes per second. Nothing was executed. Retry with the same key."
                )
                .into();
            }
            RefusalCode::KeyReused => {
                "This key was used with a different request. Use a new key for a new operation; to retry, send the same request."
            }
            RefusalCode::InProgress => {
                "The first request with this key is still running. Retry later with the same key."
            }
            RefusalCode::OutcomeUnknown => {
                "An earlier request with this key ended without a known outcome. Find out whether it took effect before using a new key."
            }
            RefusalCode::ResponseNotStored => {
                "The request with this key took effect, but its response was not stored and cannot be replayed. Do not send it again with a new key."
            }
            RefusalCode::KeyExpired => {
                "The request with this key took effect, and its response has expired. Use a new key for a new operation."
            }
            RefusalCode::StoreUnavailable | RefusalCode::StoreFull => {
                "The request was not executed. Retry later with the same key."
            }
            RefusalCode::TooManyKeys => {
                "You have as many keys in use as one caller may. The request was not executed. Retry later with the same key."
            }
            RefusalCode::ShuttingDown => {
                "The server is shutting down and did not execute the request. Retry with the same key."
            }
        };
        fixed.into()
    }
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

/// A length in the largest unit that it is a whole number of.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: usize = 1 << 10;
        const MIB: usize = 1 << 20;
        match self.0 {
            1 => f.write_str("1 byte"),
            bytes if bytes.is_multiple_of(MIB) => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes.is_multiple_of(KIB) => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
