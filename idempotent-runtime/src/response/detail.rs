//! Sentences of refusals. They say what happened and what to do next, with the header, the limit
//! and the setting in force.

use std::{borrow::Cow, fmt, time::Duration};

use crate::reason::{Reason, RefusalCode};

/// Settings that refusals name.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    /// Header that carries the key, as the application spells it.
    pub(crate) header: Cow<'static, str>,
    pub(crate) max_request_body: usize,
    pub(crate) body_timeout: Duration,
}

impl InForce {
    /// Sentence for `reason`.
    pub(super) fn detail(&self, reason: Reason) -> Cow<'static, str> {
        match (reason.code, reason.detail) {
            (RefusalCode::KeyInvalid, Some(mistake)) => {
                format!("The header {} does not hold one valid key: {mistake}.", self.header).into()
            }
            (_, Some(detail)) => detail.into(),
            (code, None) => self.usual(code),
        }
    }

    /// Sentence for a code where nothing more precise is known.
    fn usual(&self, code: RefusalCode) -> Cow<'static, str> {
        let InForce { header, max_request_body, body_timeout } = self;
        let fixed = match code {
            RefusalCode::KeyMissing => {
                return format!(
                    "This endpoint requires the header {header}: a unique value for each operation, sent again when the operation is retried."
                )
                .into();
            }
            RefusalCode::KeyInvalid => {
                return format!("The header {header} does not hold one valid key.").into();
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
