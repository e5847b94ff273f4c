//! What identifies a request: its key, where its entry lives, who sends it, what it asks for, and its body.

mod address;
pub(crate) mod body;
mod digest;
pub(crate) mod fingerprint;
pub(crate) mod key;
mod principal;

pub(crate) use address::{Target, address};
pub(crate) use digest::PartsHasher;
pub(crate) use key::{Key, KeyError, read_key};
pub use {address::Address, fingerprint::RequestFingerprint, key::KeyFormat, principal::Principal};
