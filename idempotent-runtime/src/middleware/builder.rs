//! Arguments of a middleware: those of the attribute, as methods.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    checks, names,
    pattern::nameless,
    rules::{Idempotent, Rules},
};
use crate::{
    idempotency::BuildError,
    policy::{Abandoned, Fingerprint, KeySource, Policy, PrincipalSource, Replay, Scope},
    request::{PrincipalFn, extracting},
};

/// Name that stands for a handler's, in events and counters.
const NAME: &str = "Idempotent";

/// Statuses of which nobody can tell whether a handler has sent them.
const NOT_STORED: [u16; 5] = [400, 404, 405, 413, 415];

impl Idempotent {
    /// Arguments to start from: every one has a default.
    pub fn builder() -> IdempotentBuilder {
        IdempotentBuilder::default()
    }
}

/// Every argument is the application's default, and no pattern is excepted.
impl Default for Idempotent {
    fn default() -> Self {
        Idempotent(Arc::new(Rules { policy: Arc::new(unset()), excepted: BTreeSet::new() }))
    }
}

/// Arguments of an [`Idempotent`]. What is left out is the application's default.
#[derive(Debug)]
#[must_use = "nothing is protected before `build`"]
pub struct IdempotentBuilder {
    policy: Policy,
    headers: Vec<String>,
    excepted: Vec<String>,
}

impl Default for IdempotentBuilder {
    fn default() -> Self {
        IdempotentBuilder { policy: unset(), headers: Vec::new(), excepted: Vec::new() }
    }
}

/// Policy of a middleware without arguments.
pub(super) fn unset() -> Policy {
    Policy { handler: NAME, not_stored: &NOT_STORED, ..Policy::PLAIN }
}

impl IdempotentBuilder {
    /// Sets the time for which a stored response is replayed, counted from completion: from one
    /// second to a hundred years.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.policy.ttl = Some(ttl);
        self
    }

    /// Sets the space within which a key is unique. Default: [`Scope::Endpoint`].
    pub fn scope(mut self, scope: Scope) -> Self {
        self.policy.scope = scope;
        self
    }

    /// Sets whether a request without a key is refused, or runs unprotected.
    pub fn required(mut self, required: bool) -> Self {
        self.policy.required = Some(required);
        self
    }

    /// Sets the longest time that a duplicate waits for the execution that runs already. One that
    /// is not shorter than the ttl in force is cut to half of it.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.policy.wait = Some(wait);
        self
    }

    /// Sets which responses are stored. 400, 404, 405, 413 and 415 never are.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.policy.replay = Some(replay);
        self
    }

    /// Sets how two requests are compared. Default: [`Fingerprint::Raw`].
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.policy.fingerprint = fingerprint;
        self
    }

    /// Sets the place of the key. Default: the application's header.
    pub fn key(mut self, key: KeySource) -> Self {
        self.policy.key = key;
        self
    }

    /// Sets the function that tells who calls, by extractors, as a handler takes them. It wins over
    /// the application's. See
    /// [`principal_from`](crate::IdempotencyBuilder::principal_from).
    pub fn principal<Args: 'static>(mut self, principal: impl PrincipalFn<Args> + Send + Sync) -> Self {
        self.policy.principal = PrincipalSource::Middleware(extracting(principal));
        self
    }

    /// Sets the request headers that are compared too: those that guards look at, which tell apart
    /// handlers of one method and pattern.
    pub fn headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the answer to a retry whose earlier execution died without an outcome.
    pub fn abandoned(mut self, abandoned: Abandoned) -> Self {
        self.policy.abandoned = Some(abandoned);
        self
    }

    /// Leaves the routes with this pattern alone: as they are written, with the scopes around them,
    /// such as `/v1/hooks/{id}`. The names of parameters do not count. May be called again, for
    /// more.
    pub fn except(mut self, pattern: impl Into<String>) -> Self {
        self.excepted.push(pattern.into());
        self
    }

    /// Makes the middleware.
    ///
    /// # Errors
    /// An argument that cannot work; the error names it.
    pub fn build(mut self) -> Result<Idempotent, BuildError> {
        checks::policy(&self.policy)?;
        let headers: Result<BTreeSet<_>, _> = self.headers.iter().map(|name| checks::header(name)).collect();
        self.policy.headers = names::kept(&headers?);
        let excepted: Result<_, _> = self.excepted.iter().map(|pattern| checks::excepted(pattern)).collect();
        let excepted: BTreeSet<&str> = excepted?;
        let excepted = excepted.into_iter().map(nameless).collect();
        Ok(Idempotent(Arc::new(Rules { policy: Arc::new(self.policy), excepted })))
    }
}
