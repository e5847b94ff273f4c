//! Hash that stands for a caller, for operators.

use std::{fmt, str::FromStr, sync::LazyLock};

use super::digits;
use crate::request::{CallerId, PartsHasher};

/// A caller, as this process shows it to operators: one hash for all that one principal, or one set
/// of credentials, has sent to it.
///
/// The hash is shown as 16 hexadecimal digits, and parsed from them. They are part of a SHA-256
/// under a secret that this process has drawn and tells nobody. So neither a principal nor a
/// credential can be computed from them, or tried against them, and another process shows other
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerHash(u64);

/// Domain of callers' hashes.
const DOMAIN: u8 = 19;

static SECRET: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut secret = [0; 32];
    // Without random numbers a process has no fencing tokens either. It runs nothing then, so it
    // has no callers to show.
    let _ = getrandom::fill(&mut secret);
    secret
});

impl From<CallerId> for CallerHash {
    fn from(caller: CallerId) -> Self {
        let mut hasher = PartsHasher::new(DOMAIN);
        hasher.parts(&[&*SECRET, &caller.number().to_be_bytes()]);
        CallerHash(digits::of_hash(hasher.finish()))
    }
}

impl fmt::Display for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no [`CallerHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a caller's hash has 16 digits from 0 to 9 and a to f")]
pub struct CallerHashError;

impl FromStr for CallerHash {
    type Err = CallerHashError;

    fn from_str(text: &str) -> Result<Self, CallerHashError> {
        digits::parsed(text).map(CallerHash).ok_or(CallerHashError)
    }
}
