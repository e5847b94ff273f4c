//! Number of a caller.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    num::NonZeroU32,
    sync::LazyLock,
};

use foldhash::quality::RandomState;

use super::{Presented, Principal};

/// A caller as a number, by which its share of a process's resources is counted: its principal, or
/// else its credentials. All who have neither are one caller.
///
/// The number is a hash under a seed of this process, so that no client can choose with whom it is
/// counted. Two callers count as one by a chance of one in four billion.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallerId(NonZeroU32);

/// Seed, drawn once per process.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Keeps a principal and a credential of the same bytes apart.
#[derive(Hash)]
enum Kind {
    Principal,
    Credentials,
}

impl CallerId {
    /// Caller that stands for all who have neither a principal nor credentials.
    pub(crate) const NOBODY: CallerId = CallerId(NonZeroU32::MIN);

    /// Caller that the application names.
    pub(crate) fn of_principal(principal: &Principal) -> Self {
        let hashed = |bytes| CallerId::hashed(Kind::Principal, [bytes].into_iter());
        principal.bytes().map_or(CallerId::NOBODY, hashed)
    }

    /// Caller that presents these credentials, if there are any.
    pub(crate) fn of_credentials(credentials: &[Presented<'_>]) -> Self {
        match credentials {
            [] => CallerId::NOBODY,
            _ => CallerId::hashed(Kind::Credentials, credentials.iter().flat_map(Presented::parts)),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "all bits of the hash are equally good")]
    fn hashed<'a>(kind: Kind, parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut hasher = SEED.build_hasher();
        kind.hash(&mut hasher);
        // Each part is hashed with its length.
        parts.for_each(|part| part.hash(&mut hasher));
        CallerId(NonZeroU32::new(hasher.finish() as u32).unwrap_or(NonZeroU32::MAX))
    }

    /// The number.
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }
}

/// Shows no number, since it is not for people.
impl fmt::Debug for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == CallerId::NOBODY { "CallerId(nobody)" } else { "CallerId(…)" })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

    use super::*;
    use crate::request::Credentials;

    fn by_principal(bytes: &str) -> CallerId {
        CallerId::of_principal(&Principal::new(bytes))
    }

    fn by_credentials(authorization: &[&'static str], cookies: &[&'static str]) -> CallerId {
        let mut headers = HeaderMap::new();
        authorization.iter().for_each(|line| headers.append(AUTHORIZATION, HeaderValue::from_static(line)));
        cookies.iter().for_each(|line| headers.append(COOKIE, HeaderValue::from_static(line)));
        CallerId::of_credentials(&Credentials::Usual.presented(&headers))
    }

    #[test]
    fn callers_are_told_apart_by_their_principal_or_by_all_of_their_credentials() {
        let callers = || {
            [
                by_principal("a"),
                by_principal("b"),
                by_principal(""),
                by_credentials(&["a"], &[]),
                by_credentials(&["ab"], &[]),
                by_credentials(&["a", "b"], &[]),
                by_credentials(&[], &["a"]),
                by_credentials(&["a"], &["a"]),
                CallerId::NOBODY,
            ]
        };
        let (once, again) = (callers(), callers());
        assert_eq!(once, again);
        for (at, caller) in once.iter().enumerate() {
            assert!(!once[..at].contains(caller), "{at}");
        }
    }

    #[test]
    fn all_who_have_neither_are_one_caller() {
        assert_eq!(CallerId::of_principal(&Principal::anonymous()), CallerId::NOBODY);
        assert_eq!(by_credentials(&[], &[]), CallerId::NOBODY);
    }
}
