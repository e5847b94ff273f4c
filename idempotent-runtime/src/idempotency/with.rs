//! Another handle on the same store, with other settings.

use super::{builder::IdempotencyBuilder, error::BuildError};
use crate::{
    engine::{Engine, Idempotency},
    sync::Arc,
};

/// Base of the settings of a handle on the store of another one, see [`Idempotency::with`].
///
/// Store, namespace, clock, lease and local cache are what they were, so these settings have no
/// method for them:
///
/// ```compile_fail
/// # use std::time::Duration;
/// # let idempotency = idempotent_runtime::Idempotency::builder().build()?;
/// idempotency.with(|settings| settings.lease(Duration::from_secs(60)))?;
/// # Ok::<(), idempotent_runtime::BuildError>(())
/// ```
#[derive(Debug)]
pub struct SameStore(());

impl Idempotency {
    /// Handle with other settings on the same store, for a scope or a resource of its own. What
    /// `set` leaves alone is what it was.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_web::{App, web};
    /// use idempotent_runtime::Idempotency;
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder().build()?;
    /// let week = Duration::from_secs(7 * 24 * 3600);
    /// let partners = idempotency.with(|settings| settings.ttl(week).header_name("X-Request-Id"))?;
    /// let app = App::new()
    ///     .app_data(idempotency)
    ///     .service(web::scope("/partners").app_data(partners));
    /// # let _ = app;
    /// # Ok(()) }
    /// ```
    ///
    /// Both handles have the same keys and single flight over them, and are drained together.
    ///
    /// # Errors
    /// A setting that cannot work; the error names it.
    pub fn with(
        &self,
        set: impl FnOnce(IdempotencyBuilder<SameStore>) -> IdempotencyBuilder<SameStore>,
    ) -> Result<Idempotency, BuildError> {
        let Engine { settings, refusals, .. } = &*self.0;
        let changed = set(IdempotencyBuilder::of(SameStore(()), settings.clone(), refusals.clone()));
        let (SameStore(()), settings, refusals) = changed.checked()?;
        Ok(Idempotency(Arc::new(self.0.with(settings, refusals))))
    }
}
