//! Reading of a server's reply to one call, the same for all servers.

use std::time::Duration;

use crate::store::{Claim, Completion, Forget, Record, Renewal, Resolve, StoreError};

/// Word by which a server says what it has done, or what it has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Won,
    InFlight,
    Replay,
    Reused,
    Expired,
    Abandoned,
    Renewed,
    Fenced,
    Stored,
    Released,
    Done,
    Vacant,
    Running,
    Completed,
    Another,
    Claimed,
    /// Nothing was done: somebody else has locked the row.
    Locked,
    /// Nothing was done: there is no room.
    Full,
    /// Nothing was done: the entry is damaged, or of a kind that is not known.
    Unreadable,
    Other(String),
}

impl Word {
    pub(crate) fn of(said: &[u8]) -> Self {
        match said {
            b"won" => Word::Won,
            b"in_flight" => Word::InFlight,
            b"replay" => Word::Replay,
            b"reused" => Word::Reused,
            b"expired" => Word::Expired,
            b"abandoned" => Word::Abandoned,
            b"renewed" => Word::Renewed,
            b"fenced" => Word::Fenced,
            b"stored" => Word::Stored,
            b"released" => Word::Released,
            b"done" => Word::Done,
            b"vacant" => Word::Vacant,
            b"running" => Word::Running,
            b"completed" => Word::Completed,
            b"another" => Word::Another,
            b"claimed" => Word::Claimed,
            b"locked" => Word::Locked,
            b"full" => Word::Full,
            b"unreadable" => Word::Unreadable,
            other => Word::Other(String::from_utf8_lossy(other).into_owned()),
        }
    }
}

/// A server's reply to one call.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) word: Word,
    /// Number of the attempt that was won.
    pub(crate) attempt: Option<u32>,
    /// Time that is left of a lease, or of a replay.
    pub(crate) left: Option<Duration>,
    pub(crate) record: Option<Record>,
}

impl Reply {
    /// A reply of one word.
    #[cfg(any(test, feature = "postgres"))]
    pub(crate) fn of(word: Word) -> Self {
        Reply { word, attempt: None, left: None, record: None }
    }

    /// The answer to a claim.
    ///
    /// # Errors
    /// The entry of `store` cannot be read, or the reply is none to a claim.
    pub(crate) fn into_claim(self, store: &'static str) -> Result<Claim, StoreError> {
        match self {
            Reply { word: Word::Won, attempt: Some(attempt), .. } => Ok(Claim::Won { attempt }),
            Reply { word: Word::InFlight, left: Some(lease_left), .. } => Ok(Claim::InFlight { lease_left }),
            Reply { word: Word::Replay, record: Some(record), left: Some(left), .. } => {
                Ok(Claim::Replay { record, left })
            }
            Reply { word: Word::Reused, .. } => Ok(Claim::Reused),
            Reply { word: Word::Expired, .. } => Ok(Claim::Expired),
            Reply { word: Word::Abandoned, .. } => Ok(Claim::Abandoned),
            other => Err(other.into_error(store)),
        }
    }

    /// The answer to a renewal.
    ///
    /// # Errors
    /// The reply is none to a renewal.
    pub(crate) fn into_renewal(self, store: &'static str) -> Result<Renewal, StoreError> {
        match self.word {
            Word::Renewed => Ok(Renewal::Renewed),
            Word::Fenced => Ok(Renewal::Fenced),
            _ => Err(self.into_error(store)),
        }
    }

    /// The answer to a completion.
    ///
    /// # Errors
    /// The reply is none to a completion.
    pub(crate) fn into_completion(self, store: &'static str) -> Result<Completion, StoreError> {
        match self.word {
            Word::Stored => Ok(Completion::Stored),
            Word::Fenced => Ok(Completion::Fenced(self.record)),
            _ => Err(self.into_error(store)),
        }
    }

    /// The answer to a resolution.
    ///
    /// # Errors
    /// The entry of `store` cannot be read, or the reply is none to a resolution.
    pub(crate) fn into_resolve(self, store: &'static str) -> Result<Resolve, StoreError> {
        match self {
            Reply { word: Word::Done, .. } => Ok(Resolve::Done),
            Reply { word: Word::Vacant, .. } => Ok(Resolve::Vacant),
            Reply { word: Word::Running, left: Some(lease_left), .. } => Ok(Resolve::Running { lease_left }),
            Reply { word: Word::Completed, record: Some(record), .. } => Ok(Resolve::Completed(record)),
            Reply { word: Word::Expired, .. } => Ok(Resolve::Expired),
            other => Err(other.into_error(store)),
        }
    }

    /// The answer to a request to forget.
    ///
    /// # Errors
    /// The entry of `store` cannot be read, or the reply is none to such a request.
    pub(crate) fn into_forget(self, store: &'static str) -> Result<Forget, StoreError> {
        match self {
            Reply { word: Word::Done, .. } => Ok(Forget::Done),
            Reply { word: Word::Vacant, .. } => Ok(Forget::Vacant),
            Reply { word: Word::Another, .. } => Ok(Forget::Another),
            Reply { word: Word::Running, left: Some(lease_left), .. } => Ok(Forget::Running { lease_left }),
            other => Err(other.into_error(store)),
        }
    }

    /// Error for a reply that answers another call, or says less than it should.
    fn into_error(self, store: &'static str) -> StoreError {
        match self.word {
            Word::Unreadable => StoreError::unreadable(store, "its state is unknown, or its record is lost"),
            word => {
                StoreError::unavailable(store, format!("the server's answer is not understood: {word:?}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(1);

    fn said(word: &str) -> Reply {
        Reply { left: Some(LEFT), ..Reply::of(Word::of(word.as_bytes())) }
    }

    #[test]
    fn a_word_answers_only_the_calls_that_it_belongs_to() {
        assert_eq!(said("in_flight").into_claim("some").unwrap(), Claim::InFlight { lease_left: LEFT });
        assert_eq!(said("renewed").into_renewal("some").unwrap(), Renewal::Renewed);
        assert_eq!(said("fenced").into_completion("some").unwrap(), Completion::Fenced(None));
        assert_eq!(said("running").into_resolve("some").unwrap(), Resolve::Running { lease_left: LEFT });
        assert_eq!(said("running").into_forget("some").unwrap(), Forget::Running { lease_left: LEFT });
        assert!(said("renewed").into_claim("some").is_err() && said("won").into_renewal("some").is_err());
    }

    #[test]
    fn a_reply_that_says_less_than_it_should_leaves_the_fate_unknown() {
        for word in ["won", "replay", "nonsense"] {
            let error = said(word).into_claim("some").unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { store: "some", .. }), "{word}: {error:?}");
        }
        let error = said("completed").into_resolve("some").unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_told_so() {
        let error = said("unreadable").into_claim("some").unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { store: "some", .. }), "{error:?}");
    }
}
