//! Extension `x-idempotency`: what a client may rely on, for programs.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;

use super::terms::Terms;
use crate::{
    policy::{KeySource, Policy},
    request::KeyFormat,
};

/// Name of the extension.
pub(super) const NAME: &str = "x-idempotency";

/// Adds the extension to an operation.
pub(super) fn describe(operation: &mut Operation, policy: &Policy, terms: &Terms) {
    operation.extensions.get_or_insert_default().insert(NAME.to_owned(), value(policy, terms));
}

/// Notes in an operation that each request is refused, so that nobody describes it as protected.
pub(super) fn refuse(operation: &mut Operation) {
    operation.extensions.get_or_insert_default().insert(NAME.to_owned(), Value::Bool(false));
}

/// Description of an operation so far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Described {
    Not,
    AsProtected,
    AsRefused,
}

impl Described {
    pub(super) fn of(operation: &Operation) -> Self {
        match operation.extensions.as_ref().and_then(|extensions| extensions.get(NAME)) {
            None => Described::Not,
            Some(Value::Bool(false)) => Described::AsRefused,
            Some(_) => Described::AsProtected,
        }
    }
}

fn value(policy: &Policy, terms: &Terms) -> Value {
    let (kind, name) = policy.key.parts();
    let header = (kind == "header").then(|| match policy.key {
        KeySource::Header(name) => name.to_ascii_lowercase(),
        _ => terms.header_name.to_string(),
    });
    let place = json!({ "in": kind, "name": header.as_deref().unwrap_or(name) });
    let defaults = &terms.defaults;
    let ttl = policy.ttl(defaults);
    let mut value = json!({
        "key": place,
        "required": policy.required(defaults),
        "ttl_seconds": ttl.as_secs(),
        "remembered_seconds": ttl.saturating_add(terms.remember_expired).as_secs(),
        "scope": policy.scope.to_string(),
        "wait_seconds": policy.wait(defaults).as_secs_f64(),
        "replay": policy.replay(defaults).as_str(),
        "fingerprint": policy.fingerprint.as_str(),
        "abandoned": policy.of_abandoned(defaults, terms.reconciled),
        "transaction": policy.transaction,
        "max_body_bytes": terms.max_request_body,
    });
    if let Some(header) = header {
        value["header"] = header.into();
    }
    if let KeyFormat::UuidV7 { max_age } = terms.key_format {
        value["key_max_age_seconds"] = max_age.as_secs().into();
    }
    if !policy.headers.is_empty() {
        value["compared_headers"] = policy.headers.into();
    }
    value
}
