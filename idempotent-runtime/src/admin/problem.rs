//! Reasons that an operator's request was not done.

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use serde::Serialize;

use super::responses::{self, EntryView};
use crate::{
    operate::{Entry, EntryError, ResolveError},
    request::body::BodyError,
    store::StoreError,
};

/// Result of an operator's request.
pub(super) type AdminResult = Result<HttpResponse, Problem>;

/// A refusal in the form of RFC 9457.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    // The entry as it is now, where another state of it was meant.
    entry: Option<Box<EntryView>>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { status, code, detail: detail.into(), entry: None }
    }

    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        let detail = format!("The body is not JSON: see line {}, column {}.", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// Refuses a body without repeating it, since it may hold a key.
    pub(super) fn not_read(error: &serde_json::Error) -> Self {
        Problem::invalid(format!(
            "The body is not what this route reads: see line {}, column {}. A field is missing, unknown or of another type.",
            error.line(),
            error.column()
        ))
    }

    pub(super) fn not_json() -> Self {
        let detail = "The body has to be `application/json`.";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail)
    }

    pub(super) fn not_found() -> Self {
        let detail = "There is no entry of this name: the key was not used, or is free again, or scope, method, route, path or principal are not the endpoint's.";
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn no_caller() -> Self {
        let detail = "No such caller holds anything in this process's memory: its keys have expired, or it is another process's.";
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn no_route() -> Self {
        Problem::new(StatusCode::NOT_FOUND, "no_route", "There is no such route.")
    }

    pub(super) fn no_method() -> Self {
        let detail =
            "Policies, counters, usage and stuck entries are read with GET; everything else is a POST.";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no_method", detail)
    }

    pub(super) fn running(lease_left: Duration) -> Self {
        let left = lease_left.as_secs_f64();
        let detail = format!(
            "The request runs, and nothing was done. Unless its process renews its lease, it is given up in {left:.1} s."
        );
        Problem::new(StatusCode::CONFLICT, "running", detail)
    }

    pub(super) fn changed(entry: Entry) -> Self {
        let detail = "Something has become of the entry since it was looked at, and nothing was done. `entry` is what there is now.";
        let entry = Some(Box::new(entry.into()));
        Problem { entry, ..Problem::new(StatusCode::CONFLICT, "changed", detail) }
    }

    pub(super) fn settled() -> Self {
        let detail =
            "The request has its outcome, and nothing was done. Forget the entry to have it run again.";
        Problem::new(StatusCode::CONFLICT, "settled", detail)
    }

    pub(super) fn busy() -> Self {
        let detail = "Other operators' requests are under way, and nothing was done. Try again.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    pub(super) fn store_failed() -> Self {
        let detail = "The store failed, or cannot do this; the log tells more. Asking again tells whether it was done.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", detail)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => {
                let detail = "The body is longer than this route reads.";
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            }
            BodyError::Timeout => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body did not arrive in time.")
            }
            BodyError::Crowded => Problem::busy(),
            BodyError::Failed(_) => {
                Problem::new(StatusCode::BAD_REQUEST, "malformed", "The body could not be read.")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "an operator's request failed");
        Problem::store_failed()
    }
}

impl From<EntryError> for Problem {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Key(detail) => Problem::invalid(format!("There cannot be such a key: {detail}.")),
            EntryError::Cursor => Problem::invalid("`after` is not the `next` of a page before."),
            EntryError::Store(error) => error.into(),
        }
    }
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Key(detail) => Problem::invalid(format!("There cannot be such a key: {detail}.")),
            ResolveError::Response => Problem::invalid(
                "`response` cannot be recorded: it is an event stream, or longer than `max_response_body`.",
            ),
            ResolveError::Status(_) => Problem::invalid(
                "`response` has a `body`, and its `status` allows none: 204, 205 and 304 have no body.",
            ),
            ResolveError::Later => Problem::invalid("`later` is no outcome."),
            ResolveError::Store(error) => error.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'static str,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            entry: Option<&'a EntryView>,
        }
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            entry: self.entry.as_deref(),
        };
        let mut response = responses::uncached(self.status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "1"));
        }
        // The rest of a body that is not read to its end must not be taken for the next request.
        if matches!(self.code, "too_large" | "too_slow") {
            response.force_close();
        }
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}
