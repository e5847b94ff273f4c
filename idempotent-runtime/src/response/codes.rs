//! Facts about the codes of refusals that HTTP needs.

use actix_web::http::StatusCode;

use crate::reason::RefusalCode;

/// Facts about a code: its status where none is set, title, the page that tells of it, and
/// when to retry (seconds).
pub(super) struct Facts(
    pub(super) StatusCode,
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) Retry,
);

/// Time of a retry.
pub(super) enum Retry {
    Never,
    Now,
    After(u32),
}

/// A section of the IETF draft.
macro_rules! draft {
    ($section:literal) => {
        concat!(
            "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-",
            $section
        )
    };
}

const SYNTAX: &str = draft!("2.1");
const UNIQUENESS: &str = draft!("2.2");
const EXPIRY: &str = draft!("2.3");
const ENFORCEMENT: &str = draft!("2.6");
const ERRORS: &str = draft!("2.7");
/// Page for long bodies, of which the draft says nothing: what HTTP says of 413.
const CONTENT_TOO_LARGE: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14";

/// Status of a refusal of a key that was used with another request, where none is set.
pub(crate) const REUSED: StatusCode = StatusCode::CONFLICT;

impl RefusalCode {
    /// Status of a refusal, where `reused` is the one that is set for keys that were used with
    /// another request.
    pub(super) fn status(self, reused: StatusCode) -> StatusCode {
        match self {
            RefusalCode::KeyReused => reused,
            code => code.facts().0,
        }
    }

    /// Facts about the code.
    pub(super) fn facts(self) -> Facts {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        const DOWN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        use Retry::{After, Never, Now};
        match self {
            RefusalCode::KeyMissing => Facts(BAD, "Idempotency-Key required", ERRORS, Never),
            RefusalCode::KeyInvalid => Facts(BAD, "Idempotency-Key is not valid", SYNTAX, Never),
            RefusalCode::BodyTooLarge => {
                Facts(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", CONTENT_TOO_LARGE, Never)
            }
            RefusalCode::KeyReused => Facts(REUSED, "Idempotency-Key is already used", UNIQUENESS, Never),
            RefusalCode::InProgress => {
                Facts(CONFLICT, "A request is outstanding for this key", ENFORCEMENT, After(1))
            }
            RefusalCode::OutcomeUnknown => Facts(CONFLICT, "The outcome is unknown", ENFORCEMENT, Never),
            RefusalCode::ResponseNotStored => {
                Facts(CONFLICT, "The response was not stored", ENFORCEMENT, Never)
            }
            RefusalCode::KeyExpired => Facts(CONFLICT, "Idempotency-Key has expired", EXPIRY, Never),
            RefusalCode::StoreUnavailable => {
                Facts(DOWN, "The idempotency store is unavailable", ERRORS, After(1))
            }
            RefusalCode::StoreFull => Facts(DOWN, "The idempotency store is full", ERRORS, After(5)),
            RefusalCode::TooManyKeys => {
                Facts(StatusCode::TOO_MANY_REQUESTS, "Too many keys are in use", ERRORS, After(5))
            }
            RefusalCode::ShuttingDown => Facts(DOWN, "The server is shutting down", ERRORS, After(1)),
            RefusalCode::BodyTimeout => {
                Facts(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time", ERRORS, Now)
            }
        }
    }

    /// Seconds after which another try may be answered otherwise, if it may.
    pub(crate) fn retry_after(self) -> Option<u32> {
        match self.facts().3 {
            Retry::After(seconds) => Some(seconds),
            Retry::Never | Retry::Now => None,
        }
    }

    /// Short description of what happened, the same every time.
    pub(crate) fn title(self) -> &'static str {
        self.facts().1
    }
}
