//! Operations of a document that no policy covers, or that cannot be told apart.

use std::fmt;

/// An operation that may have no policy: nothing says that one covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unprotected {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path of the operation in the document.
    pub path: String,
    /// Annotated handlers that are documented in the same words, if that is why it is not clear.
    pub handlers: Vec<&'static str>,
}

impl fmt::Display for Unprotected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if !self.handlers.is_empty() {
            write!(f, " (it may be {})", self.handlers.join(" or "))?;
        }
        Ok(())
    }
}

/// Operations of a document that cannot be told apart, so that their idempotency is not documented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Ambiguous {
    /// Operations, each with the handlers that it may be.
    pub operations: Vec<Unprotected>,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations: Vec<_> = self.operations.iter().map(Unprotected::to_string).collect();
        write!(
            f,
            "operations are documented in the same words and cannot be told apart: {}; give each an `operation_id` of its own in `#[utoipa::path]`",
            operations.join(", ")
        )
    }
}
