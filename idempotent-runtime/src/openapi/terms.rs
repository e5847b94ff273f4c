//! Settings that a client can notice, and the meaning of a policy under them.

use std::time::Duration;

use actix_web::http::{StatusCode, header::HeaderName};

use crate::{
    engine::{Settings, settings::default_refusals},
    policy::{Defaults, Policy},
    reason::RefusalCode,
    request::KeyFormat,
    response::refusal::RefusalSettings,
};

/// Promises to clients, beside the policy of an endpoint.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) header_name: HeaderName,
    pub(super) key_format: KeyFormat,
    pub(super) remember_expired: Duration,
    pub(super) max_request_body: usize,
    pub(super) reconciled: bool,
    /// Values for what attributes leave out.
    pub(super) defaults: Defaults,
    pub(super) refusals: RefusalSettings,
}

impl Terms {
    pub(super) fn of(settings: &Settings, refusals: &RefusalSettings) -> Self {
        Terms {
            header_name: settings.header_name.clone(),
            key_format: settings.key_format,
            remember_expired: settings.remember_expired,
            max_request_body: settings.max_request_body,
            reconciled: settings.reconcile.is_some(),
            defaults: settings.defaults,
            refusals: refusals.clone(),
        }
    }

    /// Codes with which a request may be refused.
    pub(super) fn codes(&self, policy: &Policy) -> Vec<RefusalCode> {
        let mut codes = vec![
            RefusalCode::KeyInvalid,
            RefusalCode::BodyTimeout,
            RefusalCode::BodyTooLarge,
            RefusalCode::KeyReused,
            RefusalCode::InProgress,
            // Under "rerun" too: a record that cannot be read tells of no outcome.
            RefusalCode::OutcomeUnknown,
            RefusalCode::ResponseNotStored,
            RefusalCode::StoreUnavailable,
            RefusalCode::StoreFull,
            RefusalCode::TooManyKeys,
            RefusalCode::ShuttingDown,
        ];
        codes.extend(policy.required(&self.defaults).then_some(RefusalCode::KeyMissing));
        let expires = matches!(self.key_format, KeyFormat::UuidV7 { .. });
        codes.extend((expires || !self.remember_expired.is_zero()).then_some(RefusalCode::KeyExpired));
        codes
    }
}

impl Default for Terms {
    fn default() -> Self {
        Terms::of(&Settings::default(), &default_refusals())
    }
}

/// True where a response documented under `status` may be stored: `201`, `2XX`, `default`.
pub(super) fn may_be_stored(policy: &Policy, terms: &Terms, status: &str) -> bool {
    // A range is treated like its first status.
    match StatusCode::from_bytes(status.replace('X', "0").as_bytes()) {
        Ok(status) => policy.keeps(policy.replay(&terms.defaults), status),
        Err(_) => true,
    }
}

/// Name of a status in a document.
pub(super) fn status_name(status: StatusCode) -> String {
    status.as_u16().to_string()
}
