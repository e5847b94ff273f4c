//! Policy of a handler: the arguments of one `#[idempotent(…)]` attribute, as a value, and the
//! application's defaults for what it leaves out.

#[cfg(any(feature = "openapi", feature = "admin"))]
use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;

use crate::principal::{ExtractingPrincipal, PrincipalFuture};

/// The arguments of one attribute. The macro writes it as a `static`; so can you.
///
/// `None` is an argument that is left out: the application's default stands for it.
#[derive(Debug)]
pub struct Policy {
    /// Module path and name of the handler, for logs.
    pub handler: &'static str,
    /// Time for which the stored response is replayed, counted from completion.
    pub ttl: Option<Duration>,
    /// Space within which a key is unique.
    pub scope: Scope,
    /// True if a request without a key is refused.
    pub required: Option<bool>,
    /// Longest time that a duplicate waits for the execution already running.
    pub wait: Option<Duration>,
    /// Responses that are stored.
    pub replay: Option<Replay>,
    /// Comparison of two requests.
    pub fingerprint: Fingerprint,
    /// Source of the caller's principal.
    pub principal: PrincipalSource,
    /// Place of the key in a request.
    pub key: KeySource,
    /// Answer to a retry when the earlier execution died without an outcome.
    pub abandoned: Option<Abandoned>,
    /// True if the handler's rows, the claim and the response commit in one transaction.
    pub transaction: bool,
    /// Request headers that are compared too: their names in small letters, each once, sorted.
    pub headers: &'static [&'static str],
    /// Statuses that are not stored, beside those that never are.
    pub not_stored: &'static [u16],
}

/// Values for what attributes leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) ttl: Duration,
    /// `None`: the lesser of ten seconds and half the ttl.
    pub(crate) wait: Option<Duration>,
    pub(crate) required: bool,
    pub(crate) replay: Replay,
    pub(crate) abandoned: Abandoned,
}

impl Defaults {
    /// Values that hold where the application has set none.
    pub(crate) const UNSET: Defaults = Defaults {
        ttl: Duration::from_secs(24 * 60 * 60),
        wait: None,
        required: true,
        replay: Replay::All,
        abandoned: Abandoned::Refuse,
    };
}

/// Longest wait where nobody has set one.
const WAIT: Duration = Duration::from_secs(10);

/// Values in force: what the attribute writes, or else the application's defaults.
impl Policy {
    pub(crate) fn ttl(&self, defaults: &Defaults) -> Duration {
        self.ttl.unwrap_or(defaults.ttl)
    }

    pub(crate) fn required(&self, defaults: &Defaults) -> bool {
        self.required.unwrap_or(defaults.required)
    }

    /// Longest wait, which is shorter than the ttl. One that was written for a longer ttl is cut.
    pub(crate) fn wait(&self, defaults: &Defaults) -> Duration {
        let ttl = self.ttl(defaults);
        match self.wait.or(defaults.wait) {
            Some(wait) if wait < ttl => wait,
            Some(_) => ttl / 2,
            None => WAIT.min(ttl / 2),
        }
    }

    /// Responses that are stored. A transaction that fails stores none.
    pub(crate) fn replay(&self, defaults: &Defaults) -> Replay {
        if self.transaction { Replay::Final } else { self.replay.unwrap_or(defaults.replay) }
    }

    /// Answer after an execution that died. In a transaction it has left nothing, and is run again.
    pub(crate) fn abandoned(&self, defaults: &Defaults) -> Abandoned {
        if self.transaction { Abandoned::Rerun } else { self.abandoned.unwrap_or(defaults.abandoned) }
    }
}

impl Policy {
    /// The policy of an attribute without arguments.
    pub(crate) const PLAIN: Policy = Policy {
        handler: "",
        ttl: None,
        scope: Scope::Endpoint,
        required: None,
        wait: None,
        replay: None,
        fingerprint: Fingerprint::Raw,
        principal: PrincipalSource::Application,
        key: KeySource::Application,
        abandoned: None,
        transaction: false,
        headers: &[],
        not_stored: &[],
    };
}

/// Space within which a key is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Method and route pattern.
    Endpoint,
    /// Method and concrete path.
    Resource,
    /// The whole application.
    Global,
    /// The endpoints that name this group, with 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`.
    Group(&'static str),
}

/// Responses that are stored; any other frees the key for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Every response.
    All,
    /// Every response but 5xx.
    Final,
    /// 2xx and 3xx.
    Success,
}

/// Comparison of two requests.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Fingerprint {
    /// Query string, content type, content encoding and body, byte for byte.
    Raw,
    /// By meaning, where the content type tells how.
    Canonical,
    /// By what the application's function returns for the request and its body.
    Function(fn(&HttpRequest, &[u8]) -> Vec<u8>),
}

/// Source of the caller's principal.
#[derive(Clone, Debug)]
pub enum PrincipalSource {
    /// The application, if it says so.
    Application,
    /// A function of the endpoint's own.
    Function(for<'a> fn(&'a HttpRequest) -> PrincipalFuture<'a>),
    /// A function of a middleware's own, which may capture.
    Middleware(ExtractingPrincipal),
}

/// Place of the key in a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
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

#[cfg(any(feature = "openapi", feature = "admin"))]
impl Policy {
    /// Fate of an execution that died, where the application is asked and where it is not.
    pub(crate) fn of_abandoned(&self, defaults: &Defaults, is_asked: bool) -> &'static str {
        match self.abandoned(defaults) {
            _ if is_asked && !self.transaction => "reconcile",
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Longest wait where these are written, and these are the application's.
    fn wait(written: [Option<u64>; 2], application: (u64, Option<u64>)) -> Duration {
        let [ttl, wait] = written.map(|written| written.map(seconds));
        let policy = Policy { ttl, wait, ..Policy::PLAIN };
        let (ttl, wait) = (seconds(application.0), application.1.map(seconds));
        policy.wait(&Defaults { ttl, wait, ..Defaults::UNSET })
    }

    #[test]
    fn a_wait_is_shorter_than_the_ttl_in_force_whoever_has_set_them() {
        for (written, application, expected) in [
            ([None, None], (86_400, None), seconds(10)),
            ([None, None], (15, None), Duration::from_millis(7_500)),
            ([Some(1), None], (86_400, None), Duration::from_millis(500)),
            ([None, None], (86_400, Some(60)), seconds(60)),
            ([None, Some(60)], (86_400, Some(5)), seconds(60)),
            ([None, Some(60)], (61, None), seconds(60)),
            ([None, Some(60)], (60, None), seconds(30)),
            ([Some(4), None], (86_400, Some(60)), seconds(2)),
            ([None, Some(0)], (1, None), Duration::ZERO),
        ] {
            assert_eq!(wait(written, application), expected, "{written:?} {application:?}");
        }
    }

    #[test]
    fn a_transaction_decides_what_is_stored_and_what_becomes_of_the_dead() {
        let policy = Policy { transaction: true, ..Policy::PLAIN };
        let defaults = Defaults { replay: Replay::Success, abandoned: Abandoned::Refuse, ..Defaults::UNSET };
        assert_eq!(policy.replay(&defaults), Replay::Final);
        assert_eq!(policy.abandoned(&defaults), Abandoned::Rerun);
    }
}
