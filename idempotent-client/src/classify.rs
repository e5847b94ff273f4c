use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use reqwest_middleware::{Error, Result};
use serde::Deserialize;

use crate::{
    response::{ReceivedResponse, is_problem},
    retry::TimedOut,
};

/// Problems that another try with the same key can't mend, whatever else is said of them.
const FINAL: [&str; 6] =
    ["key_reused", "key_missing", "key_invalid", "outcome_unknown", "response_not_stored", "key_expired"];
/// Problems that pass, whether they say so or not.
const RETRYABLE: [&str; 6] =
    ["in_progress", "store_unavailable", "store_full", "too_many_keys", "shutting_down", "body_timeout"];
/// Statuses of gateways and limiters, which know of no key.
const RETRYABLE_STATUSES: [u16; 6] = [408, 425, 429, 502, 503, 504];

/// Step that follows a try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The caller gets the outcome of this try.
    Return,
    /// The same request is sent again, not before this has passed.
    Retry { after: Option<Duration> },
}

/// The members of problem details (RFC 9457) that matter here.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    retryable: Option<bool>,
}

impl Decision {
    pub(crate) fn on(response: &Result<ReceivedResponse>) -> Decision {
        match response {
            Ok(response) if is_retryable(response) => {
                Decision::Retry { after: retry_after(response.head().headers()) }
            }
            Err(error) if is_lost(error) => Decision::Retry { after: None },
            _ => Decision::Return,
        }
    }
}

fn is_retryable(response: &ReceivedResponse) -> bool {
    let (status, headers) = (response.head().status(), response.head().headers());
    if is(headers, "idempotent-replayed", "true") || is(headers, "idempotency-stored", "false") {
        return false;
    }
    let problem = problem(response);
    let says = problem.as_ref().and_then(Problem::is_retryable);
    says.unwrap_or_else(|| by_status(status, headers))
}

impl Problem {
    fn is_retryable(&self) -> Option<bool> {
        match self.code.as_deref() {
            Some(code) if FINAL.contains(&code) => Some(false),
            Some(code) if RETRYABLE.contains(&code) => Some(true),
            _ => self.retryable,
        }
    }
}

fn problem(response: &ReceivedResponse) -> Option<Problem> {
    is_problem(response.head().headers()).then(|| serde_json::from_slice(response.body()?).ok())?
}

/// A conflict that says when to come back is an execution still under way.
fn by_status(status: StatusCode, headers: &HeaderMap) -> bool {
    RETRYABLE_STATUSES.contains(&status.as_u16())
        || (status == StatusCode::CONFLICT && headers.contains_key(RETRY_AFTER))
}

fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|found| found == value)
}

/// True where a try failed on its way or on the way back, as opposed to a request that can't be
/// sent.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Reqwest(error) => !(error.is_builder() || error.is_redirect() || error.is_status()),
        Error::Middleware(error) => error.is::<TimedOut>(),
    }
}

/// Seconds, or a date, which may have passed.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than can be counted is too long all the same.
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
