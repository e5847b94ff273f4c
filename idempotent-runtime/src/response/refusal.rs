//! Answers that are not the handler's: what happened, and what to do next.

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    codes::{Facts, Retry},
    detail::InForce,
};
use crate::{
    policy::Policy,
    reason::{Reason, RefusalCode},
    request::Key,
};

/// One refusal that is about to be sent. [`ProblemFormat::custom`] gets it.
#[derive(Debug)]
pub struct Refusal<'a> {
    pub(crate) reason: Reason,
    pub(crate) status: StatusCode,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) type_base: Option<&'a str>,
    pub(crate) key: Option<&'a Key>,
    pub(crate) instance: Uuid,
}

impl<'a> Refusal<'a> {
    pub(crate) fn new(
        reason: Reason,
        settings: &'a RefusalSettings,
        policy: &Policy,
        key: Option<&'a Key>,
    ) -> Self {
        let status = reason.code.status(settings.reused_status);
        let (detail, type_base) = (settings.in_force.detail(reason, policy), settings.type_base.as_deref());
        Refusal { reason, status, detail, type_base, key, instance: Uuid::new_v4() }
    }

    /// Reason of the refusal.
    pub fn code(&self) -> RefusalCode {
        self.reason.code
    }

    /// Status of the response that refuses.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Short description of what happened, the same every time.
    pub fn title(&self) -> &'static str {
        self.code().title()
    }

    /// Sentence on what happened and what to do next, with the key's place, the limit and the
    /// setting in force.
    pub fn detail(&self) -> Cow<'static, str> {
        self.detail.clone()
    }

    /// True where the same request with the same key may succeed later.
    pub fn retryable(&self) -> bool {
        !matches!(self.code().facts().3, Retry::Never)
    }

    /// Seconds to wait before a retry, where the response says so.
    pub fn retry_after(&self) -> Option<u32> {
        self.code().retry_after().map(|seconds| self.reason.retry_after.unwrap_or(seconds))
    }

    /// Key of the request, where one was read.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.key.map(Key::as_str)
    }

    /// URL that documents the code.
    pub fn problem_type(&self) -> String {
        let (code, Facts(_, _, page, _)) = (self.code().as_str(), self.code().facts());
        match self.type_base {
            Some(base) => format!("{}/{code}", base.trim_end_matches('/')),
            None => page.to_owned(),
        }
    }

    /// URI of this refusal alone.
    pub fn instance(&self) -> String {
        format!("urn:uuid:{}", self.instance)
    }
}

/// Form of refusals.
#[derive(Clone, Default)]
pub struct ProblemFormat(pub(crate) Format);

#[derive(Clone, Default)]
pub(crate) enum Format {
    #[default]
    Problem,
    Simple,
    Custom(std::sync::Arc<dyn Fn(&Refusal<'_>) -> HttpResponse + Send + Sync>),
}

#[allow(non_upper_case_globals, reason = "reads as the variants that they stand for")]
impl ProblemFormat {
    /// `application/problem+json` (RFC 9457).
    pub const Problem: ProblemFormat = ProblemFormat(Format::Problem);
    /// `{"error": "Idempotency-Key required"}`: the title alone, as `application/json`.
    pub const Simple: ProblemFormat = ProblemFormat(Format::Simple);

    /// Format of the application's own: `format` makes a response of a refusal. `Retry-After` is
    /// added where the refusal has one and the response does not. The header of
    /// [`should_retry_header`](crate::IdempotencyBuilder::should_retry_header) is added in the same
    /// way where that is wanted.
    pub fn custom(format: impl Fn(&Refusal<'_>) -> HttpResponse + Send + Sync + 'static) -> Self {
        ProblemFormat(Format::Custom(std::sync::Arc::new(format)))
    }
}

impl fmt::Debug for ProblemFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Format::Problem => "Problem",
            Format::Simple => "Simple",
            Format::Custom(_) => "Custom",
        })
    }
}

/// Header that tells SDKs that Stainless generates not to try again. Without it they try again
/// after each 408, 409, 429 and 5xx.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Settings of the application for refusals.
#[derive(Clone, Debug)]
pub(crate) struct RefusalSettings {
    pub(crate) format: ProblemFormat,
    pub(crate) type_base: Option<String>,
    pub(crate) reused_status: StatusCode,
    /// True where a refusal that no retry can change says so in a header.
    pub(crate) should_retry_header: bool,
    pub(crate) in_force: InForce,
}

impl RefusalSettings {
    /// Makes the response that refuses a request for `reason`, at an endpoint with this policy.
    pub(crate) fn respond(&self, reason: Reason, policy: &Policy, key: Option<&Key>) -> HttpResponse {
        self.answer(&Refusal::new(reason, self, policy, key))
    }

    /// Makes such a response for documents: nobody is refused with it, and it is the same every
    /// time.
    #[cfg(feature = "openapi")]
    pub(crate) fn sample(&self, code: RefusalCode, policy: &Policy, key: Option<&Key>) -> HttpResponse {
        let instance = Uuid::from_u128(0x8d3f_7a52_6c1e_4b09_9f44_1c0a_5be2_d716);
        self.answer(&Refusal { instance, ..Refusal::new(code.into(), self, policy, key) })
    }

    fn answer(&self, refusal: &Refusal<'_>) -> HttpResponse {
        let mut response = match &self.format.0 {
            Format::Problem => refusal.problem(),
            Format::Simple => refusal.simple(),
            Format::Custom(format) => format(refusal),
        };
        let mut add = |name: HeaderName, value: HeaderValue| {
            if !response.headers().contains_key(&name) {
                response.headers_mut().insert(name, value);
            }
        };
        if let Some(seconds) = refusal.retry_after() {
            add(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.should_retry_header && !refusal.retryable() {
            add(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        // The rest of a body that is not read to its end must not be taken for the next request.
        // And a client of a server that shuts down is to go to another server.
        if matches!(
            refusal.code(),
            RefusalCode::BodyTooLarge | RefusalCode::BodyTimeout | RefusalCode::ShuttingDown
        ) {
            response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
        }
        response
    }
}

/// A request that was refused by its idempotency key (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = IdempotencyProblem))]
pub(crate) struct Problem<'a> {
    /// The URL that documents the code.
    #[cfg_attr(feature = "openapi", schema(format = "uri-reference"))]
    r#type: String,
    /// Summary of what happened, in few words that are the same every time.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// Text that says what happened and what to do next.
    detail: &'a str,
    /// This refusal's own URI.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    instance: String,
    /// Reason for the refusal, as a name that never changes its meaning.
    code: &'static str,
    /// True if the same request with the same key may succeed later.
    retryable: bool,
    /// The key, where one was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    idempotency_key: Option<&'a str>,
}

/// A request that was refused by its idempotency key.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = IdempotencyError))]
pub(crate) struct Simple {
    /// Summary of what happened, in few words that are the same every time.
    error: &'static str,
}

impl Refusal<'_> {
    fn problem(&self) -> HttpResponse {
        let problem = Problem {
            r#type: self.problem_type(),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: self.instance(),
            code: self.code().as_str(),
            retryable: self.retryable(),
            idempotency_key: self.idempotency_key(),
        };
        HttpResponse::build(self.status)
            .insert_header((header::CONTENT_TYPE, "application/problem+json"))
            .body(serde_json::to_vec(&problem).unwrap_or_default())
    }

    fn simple(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(Simple { error: self.title() })
    }
}
