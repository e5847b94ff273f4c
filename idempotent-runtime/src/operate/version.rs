//! Version of an entry that an operator has seen.

use std::{fmt, str::FromStr};

use super::digits;
use crate::{request::PartsHasher, store::Inspection};

/// An entry in the state in which it was seen. [`forget`](crate::Idempotency::forget) takes it, so
/// that nothing else is forgotten.
///
/// The version changes with everything that a look at the entry would show: another execution has
/// claimed the key, the request has completed, its lease has run out, its response has expired. It
/// does not change with renewals or the passing of time, and is the same in each process.
///
/// It is shown as 16 hexadecimal digits, and parsed from them. They are part of a hash, and reveal
/// nothing with which an execution could be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryVersion(u64);

/// Domain of versions.
const DOMAIN: u8 = 18;

impl EntryVersion {
    pub(super) fn of(found: &Inspection, state: &str) -> Self {
        let mut hasher = PartsHasher::new(DOMAIN);
        hasher.parts(&[found.address.as_bytes(), found.token.as_bytes(), state.as_bytes()]);
        EntryVersion(digits::of_hash(hasher.finish()))
    }
}

impl fmt::Display for EntryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no [`EntryVersion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version has 16 digits from 0 to 9 and a to f")]
pub struct EntryVersionError;

impl FromStr for EntryVersion {
    type Err = EntryVersionError;

    fn from_str(text: &str) -> Result<Self, EntryVersionError> {
        digits::parsed(text).map(EntryVersion).ok_or(EntryVersionError)
    }
}
