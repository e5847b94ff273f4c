//! What one `#[idempotent(…)]` attribute asks for, as a value.

#[cfg(feature = "admin")]
use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;

/// The arguments of one attribute. The macro writes it as a `static`; so can you.
#[derive(Debug)]
pub struct Policy {
    /// Module path and name of the handler, for logs.
    pub handler: &'static str,
    /// How long the stored response is replayed, counted from completion.
    pub ttl: Duration,
    /// Within what a key is unique.
    pub scope: Scope,
    /// Whether a request without a key is refused.
    pub required: bool,
    /// How long a duplicate waits for the execution already running.
    pub wait: Duration,
    /// Which responses are stored.
    pub replay: Replay,
    /// How two requests are compared.
    pub fingerprint: Fingerprint,
    /// What a retry gets when the earlier execution died without an outcome.
    pub abandoned: Abandoned,
    /// Whether the handler's rows, the claim and the response commit in one transaction.
    pub transaction: bool,
}

/// Within what a key is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Method and route pattern.
    Endpoint,
    /// Method and concrete path.
    Resource,
    /// The whole application.
    Global,
    /// The endpoints that name this group.
    Group(&'static str),
}

/// Which responses are stored; any other frees the key for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Every response.
    All,
    /// Every response but 5xx.
    Final,
    /// 2xx and 3xx.
    Success,
}

/// How two requests are compared.
#[derive(Clone, Copy, Debug)]
pub enum Fingerprint {
    /// Query string, content type and body, byte for byte.
    Raw,
    /// By meaning, where the content type tells how.
    Canonical,
    /// By what the application's function returns for the request and its body.
    Function(fn(&HttpRequest, &[u8]) -> Vec<u8>),
}

/// What a retry gets when the earlier execution died without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// A refusal, for good: whether the effect happened is not known.
    Refuse,
    /// A new attempt.
    Rerun,
}

/// What of a policy holds, and how the attribute writes it.
#[cfg(feature = "admin")]
impl Policy {
    /// Which responses are stored. A transaction that fails stores none.
    pub(crate) fn replay(&self) -> &'static str {
        match self.replay {
            _ if self.transaction => "final",
            Replay::All => "all",
            Replay::Final => "final",
            Replay::Success => "success",
        }
    }

    /// How two requests are compared; `function`, where the application does it.
    pub(crate) fn fingerprint(&self) -> &'static str {
        match self.fingerprint {
            Fingerprint::Raw => "raw",
            Fingerprint::Canonical => "canonical",
            Fingerprint::Function(_) => "function",
        }
    }

    /// What a retry gets when the earlier execution died. A transaction has left nothing, and is run again.
    pub(crate) fn abandoned(&self) -> &'static str {
        match self.abandoned {
            _ if self.transaction => "rerun",
            Abandoned::Refuse => "refuse",
            Abandoned::Rerun => "rerun",
        }
    }
}

#[cfg(feature = "admin")]
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Endpoint => f.write_str("endpoint"),
            Scope::Resource => f.write_str("resource"),
            Scope::Global => f.write_str("global"),
            Scope::Group(name) => write!(f, "group:{name}"),
        }
    }
}
