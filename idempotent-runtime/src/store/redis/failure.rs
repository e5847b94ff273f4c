//! Failures of calls, and what the server may have done.

use redis::RedisError;

use crate::store::{SetupError, StoreError};

/// The store's name.
pub(super) const NAME: &str = "redis";

// sent ─ the server answers with an error ─▶ refused: a script raises one before it writes anything
//      ─ no answer ─▶ unknown
//      ─ the connection is lost ─▶ sent again: the answer says nothing of the first try
//      ─ a cluster's client has perhaps sent it again ─▶ refused by an error that lasts, else
//                                                        unknown
/// Reason why a call brought no answer that says what was done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server has answered with an error. Nothing was done.
    Refused(RedisError),
    /// The call, or an earlier try of it, may have been carried out.
    Unknown(RedisError),
}

/// Number of tries that a call has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    Once,
    /// By the client of a cluster. It may have lost a connection and sent the call again, and does
    /// not tell.
    OnceOrMore,
    Again,
}

/// Errors by which no try of a call was carried out. They are about the entry or the user's rights,
/// which no try of ours has changed, or about the server's memory: a script that finds its own
/// claim is not refused for lack of room. Others, such as `LOADING`, `CLUSTERDOWN`, `NOSCRIPT` and
/// `NOREPLICAS`, come of a server that has just begun or is about to end. That is when connections
/// are lost. `MISCONF` is one of them: a disk that is full ends servers too, and the replica that
/// takes over may have the claim and a full disk.
const LASTING: [&str; 4] = ["UNREADABLE", "WRONGTYPE", "NOPERM", "OOM"];

impl Failure {
    /// The failure of a call that was sent so often, and ended with `error` the last time.
    pub(super) fn of(error: RedisError, sent: Sent) -> Self {
        let is_answer = match sent {
            Sent::Once => error.code().is_some(),
            Sent::OnceOrMore => LASTING.iter().any(|code| says(&error, code)),
            // No try of ours has written an entry that cannot be read.
            Sent::Again => says(&error, "UNREADABLE") || says(&error, "WRONGTYPE"),
        };
        if is_answer { Failure::Refused(error) } else { Failure::Unknown(error) }
    }

    /// The same failure, for a call that had been sent before and had failed with `first`.
    pub(super) fn after(self, first: &Failure) -> Self {
        match first {
            Failure::Refused(_) => self,
            Failure::Unknown(_) => Failure::of(self.into(), Sent::Again),
        }
    }

    pub(super) fn error(&self) -> &RedisError {
        match self {
            Failure::Refused(error) | Failure::Unknown(error) => error,
        }
    }
}

impl From<Failure> for RedisError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Unknown(error) => error,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) if says(&error, "OOM") => StoreError::full(NAME),
            Failure::Refused(error) if says(&error, "UNREADABLE") || says(&error, "WRONGTYPE") => {
                StoreError::unreadable(NAME, error)
            }
            Failure::Refused(error) => StoreError::not_done(NAME, error),
            Failure::Unknown(error) => StoreError::unavailable(NAME, error),
        }
    }
}

pub(super) fn unreachable(error: RedisError) -> SetupError {
    SetupError::unreachable(NAME, error)
}

/// True where the server has answered with an error of this code. Before Redis 7 an error in a
/// script has a code of its own, and this code is in its text.
pub(super) fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(code))
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, ServerErrorKind, make_extension_error};

    use super::*;

    fn answered(code: &str) -> RedisError {
        make_extension_error(code.to_owned(), None)
    }

    fn lost() -> RedisError {
        (ErrorKind::Io, "lost").into()
    }

    fn is_refused(failure: &Failure) -> bool {
        matches!(failure, Failure::Refused(_))
    }

    #[test]
    fn a_damaged_entry_is_unreadable_also_where_the_call_was_sent_again() {
        for code in ["UNREADABLE", "WRONGTYPE"] {
            let first = Failure::Unknown(lost());
            for failure in [
                Failure::of(answered(code), Sent::Once),
                Failure::of(answered(code), Sent::OnceOrMore),
                Failure::of(answered(code), Sent::Again),
                Failure::of(answered(code), Sent::Once).after(&first),
            ] {
                assert!(is_refused(&failure), "{code}: {failure:?}");
                let error = StoreError::from(failure);
                assert!(matches!(error, StoreError::Unreadable { .. }), "{code}: {error:?}");
            }
        }
    }

    #[test]
    fn an_error_that_may_have_come_later_says_nothing_of_a_first_try() {
        for code in ["MISCONF", "OOM", "NOPERM", "READONLY", "ERR"] {
            assert!(is_refused(&Failure::of(answered(code), Sent::Once)), "{code}");
            assert!(!is_refused(&Failure::of(answered(code), Sent::Again)), "{code}");
            let after = Failure::of(answered(code), Sent::Once).after(&Failure::Unknown(lost()));
            assert!(!is_refused(&after), "{code}");
            let after =
                Failure::of(answered(code), Sent::Once).after(&Failure::Refused(answered("NOSCRIPT")));
            assert!(is_refused(&after), "{code}");
        }
    }

    #[test]
    fn a_lost_connection_leaves_the_fate_unknown() {
        for sent in [Sent::Once, Sent::OnceOrMore, Sent::Again] {
            assert!(!is_refused(&Failure::of(lost(), sent)), "{sent:?}");
        }
        let error = StoreError::from(Failure::of(lost(), Sent::Once));
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }

    #[test]
    fn a_cluster_is_believed_only_errors_that_a_try_before_would_have_met_too() {
        for code in LASTING {
            assert!(is_refused(&Failure::of(answered(code), Sent::OnceOrMore)), "{code}");
        }
        for kind in [
            ServerErrorKind::BusyLoading,
            ServerErrorKind::ClusterDown,
            ServerErrorKind::TryAgain,
            ServerErrorKind::MasterDown,
            ServerErrorKind::Moved,
            ServerErrorKind::Ask,
            ServerErrorKind::ReadOnly,
            ServerErrorKind::ResponseError,
        ] {
            let failure = Failure::of((ErrorKind::Server(kind), "answered").into(), Sent::OnceOrMore);
            assert!(!is_refused(&failure), "{kind:?}");
        }
        for code in ["MISCONF", "NOREPLICAS"] {
            assert!(!is_refused(&Failure::of(answered(code), Sent::OnceOrMore)), "{code}");
        }
    }
}
