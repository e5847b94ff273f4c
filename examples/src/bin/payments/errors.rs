//! Errors as Stripe's SDKs understand them: the handlers' own, and the attribute's refusals.
//!
//! The SDKs try again after any 409 and any 5xx, whatever its body says, unless
//! `Stripe-Should-Retry` says otherwise. So every error here says it. An answer that has been
//! stored is not worth another try: the key gets the same answer again.

use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    error::{InternalError, UrlencodedError},
    http::StatusCode,
};
use idempotent_runtime::{Refusal, RefusalCode};
use serde::Serialize;

/// One error, as it is sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    should_retry: bool,
    body: Body,
}

#[derive(Debug, Serialize)]
struct Body {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'static str>,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, r#type: &'static str, message: impl Into<String>) -> Self {
        let body = Body { r#type, code: None, param: None, message: message.into() };
        ApiError { status, should_retry: false, body }
    }

    /// A parameter that is missing or makes no sense.
    pub(crate) fn parameter(param: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        ApiError::invalid(message).with_code(code).with_param(param)
    }

    /// A request that makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// Nobody that is known here.
    pub(crate) fn unauthorized() -> Self {
        let message = "a secret key is required: sk_test_shop, sk_test_shop_new or sk_test_other";
        ApiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// A charge that there is not.
    pub(crate) fn no_such_charge(id: &str) -> Self {
        let error =
            ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", format!("no such charge: {id}"));
        error.with_code("resource_missing").with_param("id")
    }

    /// The bank has said no.
    pub(crate) fn declined() -> Self {
        let message = "Your card was declined.";
        ApiError::new(StatusCode::PAYMENT_REQUIRED, "card_error", message).with_code("card_declined")
    }

    /// Error for a bank that has said nothing, and may have charged the customer: nobody should try
    /// again.
    pub(crate) fn bank_is_silent() -> Self {
        let message = "The bank does not answer; whether it has charged is being looked into.";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message)
    }

    fn with_code(mut self, code: &'static str) -> Self {
        self.body.code = Some(code);
        self
    }

    fn with_param(mut self, param: &'static str) -> Self {
        self.body.param = Some(param);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status)
            .insert_header(("Stripe-Should-Retry", if self.should_retry { "true" } else { "false" }))
            .json(serde_json::json!({ "error": self.body }))
    }
}

/// Response for a refusal of the attribute. The SDKs have an `IdempotencyError` of their own, for
/// status 400 and this type only.
pub(crate) fn refused(refusal: &Refusal<'_>) -> HttpResponse {
    let (status, r#type) = match refusal.code() {
        RefusalCode::KeyReused => (StatusCode::BAD_REQUEST, "idempotency_error"),
        RefusalCode::KeyMissing | RefusalCode::KeyInvalid => (refusal.status(), "invalid_request_error"),
        RefusalCode::InProgress => (refusal.status(), "idempotency_error"),
        _ => (refusal.status(), "api_error"),
    };
    let code = match refusal.code() {
        RefusalCode::InProgress => "idempotency_key_in_use",
        code => code.as_str(),
    };
    let mut error = ApiError::new(status, r#type, refusal.detail()).with_code(code);
    error.should_retry = refusal.retryable();
    error.error_response()
}

/// A form that can't be read. The handler has not begun, so the key stays free.
pub(crate) fn bad_form(error: UrlencodedError, _: &HttpRequest) -> actix_web::Error {
    let response = ApiError::invalid(error.to_string()).error_response();
    InternalError::from_response(error, response).into()
}
