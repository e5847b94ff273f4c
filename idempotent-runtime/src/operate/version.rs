//! What an operator has seen: which entry, and in which state.

use std::{fmt, str::FromStr};

use super::{EntryState, digits};
use crate::{request::PartsHasher, store::Inspection};

/// Which entry was seen at an address, and in which state: what
/// [`forget`](crate::Idempotency::forget) is told, so that it takes nothing else.
///
/// It is another one once anything has become of the entry that a look would tell: another
/// execution has claimed the key, the request has completed, its lease has run out, its response
/// has expired. Renewals and the passing of time do not change it, nor does which process looks.
///
/// It is shown as 16 hexadecimal digits, and parsed from them. They are part of a hash, and reveal
/// nothing with which an execution could be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryVersion(u64);

/// The domain of versions.
const DOMAIN: u8 = 18;

impl EntryVersion {
    pub(super) fn of(found: &Inspection, state: &EntryState) -> Self {
        let mut hasher = PartsHasher::new(DOMAIN);
        hasher.parts(&[found.address.as_bytes(), found.token.as_bytes(), state.name().as_bytes()]);
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
