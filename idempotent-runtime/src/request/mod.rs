//! Identity of a request: its key, the address of its entry, its caller, its fingerprint, and its
//! body.

mod address;
pub(crate) mod body;
mod caller;
mod caller_id;
mod credential;
mod digest;
mod endpoint;
pub(crate) mod fingerprint;
mod identity;
pub(crate) mod key;
mod key_format;
mod key_source;
pub(crate) mod label;
mod name;
mod path;
mod principal_fn;

pub use crate::principal::Principal;
pub(crate) use address::{Target, address, derived_key, may_be_an_operation, operation_address, step, turn};
pub(crate) use caller::Caller;
pub(crate) use caller_id::CallerId;
pub(crate) use credential::{Credentials, Presented};
pub(crate) use digest::PartsHasher;
pub(crate) use endpoint::Endpoint;
pub(crate) use identity::Identity;
pub(crate) use key::{Key, KeyError, KeyRules};
pub(crate) use key_source::{key_in_body, key_in_head};
pub(crate) use name::LENGTHS;
use path::NormalPath;
pub(crate) use principal_fn::{AppPrincipal, extracting};
pub use {
    address::{Address, AddressError},
    credential::Credential,
    fingerprint::RequestFingerprint,
    key_format::KeyFormat,
    name::EntryName,
    principal_fn::{PrincipalFn, principal},
};
