//! Policy of a handler: the arguments of one `#[idempotent(…)]` attribute, as a value.

#[cfg(any(feature = "openapi", feature = "admin"))]
use std::fmt;
use std::time::Duration;

use actix_web::{HttpRequest, http::StatusCode};

use crate::principal::PrincipalFuture;

/// The arguments of one attribute. The macro writes it as a `static`; so can you.
#[derive(Debug)]
pub struct Policy {
    /// Module path and name of the handler, for logs.
    pub handler: &'static str,
    /// Time for which the stored response is replayed, counted from completion.
    pub ttl: Duration,
    /// Space within which a key is unique.
    pub scope: Scope,
    /// True if a request without a key is refused.
    pub required: bool,
    /// Longest time that a duplicate waits for the execution already running.
    pub wait: Duration,
    /// Responses that are stored.
    pub replay: Replay,
    /// Comparison of two requests.
    pub fingerprint: Fingerprint,
    /// Source of the caller's principal.
    pub principal: PrincipalSource,
    /// Place of the key in a request.
    pub key: KeySource,
    /// Answer to a retry when the earlier execution died without an outcome.
    pub abandoned: Abandoned,
    /// True if the handler's rows, the claim and the response commit in one transaction.
    pub transaction: bool,
    /// Request headers that are compared too: their names in small letters, each once, sorted.
    pub headers: &'static [&'static str],
}

/// Space within which a key is unique.
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

/// Responses that are stored; any other frees the key for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Every response.
    All,
    /// Every response but 5xx.
    Final,
    /// 2xx and 3xx.
    Success,
}

/// Statuses that say of themselves that the request was not applied (RFC 9110, 8470 and 6585).
const NEVER_STORED: [u16; 6] = [401, 407, 408, 421, 425, 429];

impl Replay {
    /// True if a response with this status is stored.
    pub(crate) fn keeps(self, status: StatusCode) -> bool {
        !NEVER_STORED.contains(&status.as_u16())
            && match self {
                Replay::All => true,
                Replay::Final => !status.is_server_error(),
                Replay::Success => status.is_success() || status.is_redirection(),
            }
    }
}

/// Comparison of two requests.
#[derive(Clone, Copy, Debug)]
pub enum Fingerprint {
    /// Query string, content type, content encoding and body, byte for byte.
    Raw,
    /// By meaning, where the content type tells how.
    Canonical,
    /// By what the application's function returns for the request and its body.
    Function(fn(&HttpRequest, &[u8]) -> Vec<u8>),
}

/// Source of the caller's principal.
#[derive(Clone, Copy, Debug)]
pub enum PrincipalSource {
    /// The application, if it says so.
    Application,
    /// A function of the endpoint's own.
    Function(for<'a> fn(&'a HttpRequest) -> PrincipalFuture<'a>),
}

/// Place of the key in a request.
#[derive(Clone, Copy, Debug)]
pub enum KeySource {
    /// The header that the application names.
    Application,
    /// The header of this name.
    Header(&'static str),
    /// The value at this pointer (RFC 6901) in the JSON body.
    Json(&'static str),
    /// The field of this name in the form that is the body.
    Form(&'static str),
    /// The query parameter of this name.
    Query(&'static str),
    /// The value that the endpoint's function returns for the request and its body, if it does.
    Function(fn(&HttpRequest, &[u8]) -> Option<String>),
}

/// Answer to a retry when the earlier execution died without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// A refusal, for good: whether the effect happened is not known.
    Refuse,
    /// A new attempt.
    Rerun,
}

/// Rules that hold in fact, for documents and the admin scope, and their names.
#[cfg(any(feature = "openapi", feature = "admin"))]
impl Policy {
    /// Responses that are stored. A transaction that fails stores none.
    pub(crate) fn stores(&self) -> Replay {
        if self.transaction { Replay::Final } else { self.replay }
    }

    /// Fate of an execution that died, where the application is asked and where it is not: in a
    /// transaction it has left nothing, and is run again.
    pub(crate) fn of_abandoned(&self, is_asked: bool) -> &'static str {
        match self.abandoned {
            _ if self.transaction => "rerun",
            _ if is_asked => "reconcile",
            Abandoned::Refuse => "refuse",
            Abandoned::Rerun => "rerun",
        }
    }
}

#[cfg(any(feature = "openapi", feature = "admin"))]
impl Replay {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Replay::All => "all",
            Replay::Final => "final",
            Replay::Success => "success",
        }
    }
}

#[cfg(feature = "openapi")]
impl KeySource {
    /// Kind of the place, and its name there.
    pub(crate) fn parts(self) -> (&'static str, &'static str) {
        match self {
            KeySource::Application => ("header", ""),
            KeySource::Header(name) => ("header", name),
            KeySource::Json(pointer) => ("json", pointer),
            KeySource::Form(name) => ("form", name),
            KeySource::Query(name) => ("query", name),
            KeySource::Function(_) => ("function", ""),
        }
    }
}

#[cfg(any(feature = "openapi", feature = "admin"))]
impl Fingerprint {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Fingerprint::Raw => "raw",
            Fingerprint::Canonical => "canonical",
            Fingerprint::Function(_) => "custom",
        }
    }
}

#[cfg(any(feature = "openapi", feature = "admin"))]
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
