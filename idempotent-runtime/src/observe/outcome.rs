//! Outcomes of requests.

use crate::reason::RefusalCode;

/// Outcome of a request to an annotated handler. Its name never changes its meaning.
///
/// The handler ran to its end under [`Executed`](Self::Executed), [`NotStored`](Self::NotStored),
/// [`Panicked`](Self::Panicked), [`Fenced`](Self::Fenced) and, unless its client left,
/// [`Unprotected`](Self::Unprotected).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// `executed`: the handler ran. Its response is stored, or is one that `replay` does not store.
    Executed,
    /// `not_stored`: the handler ran, and its client was told that the response is not stored: it
    /// was too long, a stream, or the store failed.
    NotStored,
    /// `panicked`: the handler panicked.
    Panicked,
    /// `fenced`: the handler ran and had lost its claim when it ended. Its client got the winner's
    /// response where there is one.
    Fenced,
    /// `never_began`: an extractor refused the request, so the handler did not run and the key is
    /// free.
    NeverBegan,
    /// `unprotected`: there was no key, and the endpoint does not require one. Or the store failed,
    /// and the application runs handlers all the same.
    Unprotected,
    /// `reconciled`: an execution had died, and the application answered with a response for it.
    Reconciled,
    /// `replayed`: the response was stored before.
    Replayed,
    /// `joined`: the request waited for an execution, in this process or another, and got its
    /// response.
    Joined,
    /// `in_progress`: the execution that the request waited for still runs, or too many wait.
    InProgress,
    /// `key_reused`: the key was used with another request.
    KeyReused,
    /// `key_missing`: the endpoint requires a key, and none was sent.
    KeyMissing,
    /// `key_invalid`: the header does not hold one key.
    KeyInvalid,
    /// `key_expired`: the response has expired.
    KeyExpired,
    /// `abandoned`: an execution died, the earlier one or this one, and its outcome is unknown.
    Abandoned,
    /// `response_not_stored`: the effect had happened before, and its response was not kept.
    ResponseNotStored,
    /// `store_error`: the store failed or is full; the event's `code` tells which.
    StoreError,
    /// `too_many_keys`: the caller has as many keys in the store as one caller may.
    TooManyKeys,
    /// `shutting_down`: the server accepts no new keys.
    ShuttingDown,
    /// `body_too_large`: the body is longer than the limit.
    BodyTooLarge,
    /// `body_timeout`: nothing of the body arrived for its time limit, or less than 512 bytes per
    /// second.
    BodyTimeout,
    /// `rejected`: the application did not say who is calling, the body could not be read, or the
    /// store has no transactions.
    Rejected,
    /// `left`: the client hung up before anything was run for it.
    Left,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 23] = [
        Outcome::Executed,
        Outcome::NotStored,
        Outcome::Panicked,
        Outcome::Fenced,
        Outcome::NeverBegan,
        Outcome::Unprotected,
        Outcome::Reconciled,
        Outcome::Replayed,
        Outcome::Joined,
        Outcome::InProgress,
        Outcome::KeyReused,
        Outcome::KeyMissing,
        Outcome::KeyInvalid,
        Outcome::KeyExpired,
        Outcome::Abandoned,
        Outcome::ResponseNotStored,
        Outcome::StoreError,
        Outcome::TooManyKeys,
        Outcome::ShuttingDown,
        Outcome::BodyTooLarge,
        Outcome::BodyTimeout,
        Outcome::Rejected,
        Outcome::Left,
    ];

    /// The name, for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Executed => "executed",
            Outcome::NotStored => "not_stored",
            Outcome::Panicked => "panicked",
            Outcome::Fenced => "fenced",
            Outcome::NeverBegan => "never_began",
            Outcome::Unprotected => "unprotected",
            Outcome::Reconciled => "reconciled",
            Outcome::Replayed => "replayed",
            Outcome::Joined => "joined",
            Outcome::InProgress => "in_progress",
            Outcome::KeyReused => "key_reused",
            Outcome::KeyMissing => "key_missing",
            Outcome::KeyInvalid => "key_invalid",
            Outcome::KeyExpired => "key_expired",
            Outcome::Abandoned => "abandoned",
            Outcome::ResponseNotStored => "response_not_stored",
            Outcome::StoreError => "store_error",
            Outcome::TooManyKeys => "too_many_keys",
            Outcome::ShuttingDown => "shutting_down",
            Outcome::BodyTooLarge => "body_too_large",
            Outcome::BodyTimeout => "body_timeout",
            Outcome::Rejected => "rejected",
            Outcome::Left => "left",
        }
    }
}

/// Outcome of a request that is refused.
impl From<RefusalCode> for Outcome {
    fn from(code: RefusalCode) -> Self {
        match code {
            RefusalCode::KeyMissing => Outcome::KeyMissing,
            RefusalCode::KeyInvalid => Outcome::KeyInvalid,
            RefusalCode::BodyTooLarge => Outcome::BodyTooLarge,
            RefusalCode::KeyReused => Outcome::KeyReused,
            RefusalCode::InProgress => Outcome::InProgress,
            RefusalCode::OutcomeUnknown => Outcome::Abandoned,
            RefusalCode::ResponseNotStored => Outcome::ResponseNotStored,
            RefusalCode::KeyExpired => Outcome::KeyExpired,
            RefusalCode::StoreUnavailable | RefusalCode::StoreFull => Outcome::StoreError,
            RefusalCode::TooManyKeys => Outcome::TooManyKeys,
            RefusalCode::ShuttingDown => Outcome::ShuttingDown,
            RefusalCode::BodyTimeout => Outcome::BodyTimeout,
        }
    }
}
