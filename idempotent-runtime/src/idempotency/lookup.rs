//! The handle that holds for a request.

use std::sync::LazyLock;

use actix_web::{HttpRequest, web};

use super::{assemble::process_wide, builder::IdempotencyBuilder};
use crate::engine::Idempotency;

impl Idempotency {
    /// Settings to start from: every one has a default.
    ///
    /// ```
    /// use idempotent_runtime::{Idempotency, Principal};
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder()
    ///     .namespace("shop-production")
    ///     .principal(|request| match request.headers().get("x-account") {
    ///         Some(account) => Ok(Principal::new(account)),
    ///         None => Err(actix_web::error::ErrorUnauthorized("who are you?")),
    ///     })
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> IdempotencyBuilder {
        IdempotencyBuilder::default()
    }

    /// The handle that holds for `request`.
    pub(crate) fn of(request: &HttpRequest) -> &Idempotency {
        request
            .app_data::<Idempotency>()
            .or_else(|| request.app_data::<web::Data<Idempotency>>().map(|data| &***data))
            .unwrap_or_else(|| &PROCESS_WIDE)
    }
}

static PROCESS_WIDE: LazyLock<Idempotency> = LazyLock::new(|| {
    tracing::info!(
        "no Idempotency is registered as app_data: idempotency keys are kept in this process's memory, and are lost with it"
    );
    process_wide()
});
