//! `x-idempotency`: what a client may rely on, for programs.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;

use super::terms::{self, Terms};
use crate::policy::{Fingerprint, Policy, Replay, Scope};

/// The name of the extension.
pub(super) const NAME: &str = "x-idempotency";

/// Says it of an operation.
pub(super) fn describe(operation: &mut Operation, policy: &Policy, terms: &Terms) {
    operation.extensions.get_or_insert_default().insert(NAME.to_owned(), value(policy, terms));
}

fn value(policy: &Policy, terms: &Terms) -> Value {
    json!({
        "header": terms.header_name.as_str(),
        "required": policy.required,
        "ttl_seconds": policy.ttl.as_secs(),
        "remembered_seconds": (policy.ttl + terms.remember_expired).as_secs(),
        "scope": scope(policy.scope),
        "wait_seconds": policy.wait.as_secs_f64(),
        "replay": match terms::replay(policy) {
            Replay::All => "all",
            Replay::Final => "final",
            Replay::Success => "success",
        },
        "fingerprint": match policy.fingerprint {
            Fingerprint::Raw => "raw",
            Fingerprint::Canonical => "canonical",
            Fingerprint::Function(_) => "custom",
        },
        "abandoned": terms.abandoned(policy),
        "transaction": policy.transaction,
        "max_body_bytes": terms.max_request_body,
    })
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Endpoint => "endpoint".to_owned(),
        Scope::Resource => "resource".to_owned(),
        Scope::Global => "global".to_owned(),
        Scope::Group(name) => format!("group:{name}"),
    }
}
