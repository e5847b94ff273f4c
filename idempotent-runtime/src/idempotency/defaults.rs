//! Defaults for what attributes leave out.

use std::time::Duration;

use super::builder::IdempotencyBuilder;
use crate::policy::{Abandoned, Replay};

/// Defaults for arguments that an attribute, a middleware or a call of
/// [`once`](crate::Idempotency::once) leaves out. They can come from a configuration file. An
/// argument that is not left out wins over its default.
impl<Base> IdempotencyBuilder<Base> {
    /// Sets the time for which a stored response is replayed, where an attribute has no `ttl`.
    /// Default: 24 hours.
    ///
    /// A retry that comes later is a new execution. The time is from one second to a hundred years.
    /// A `wait` that is not shorter is cut to half of it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.defaults.ttl = ttl;
        self
    }

    /// Sets the longest time that a duplicate waits for the execution that runs already, where an
    /// attribute has no `wait`. With zero it is refused at once. Default: 10 seconds, or half the
    /// ttl if that is less.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.settings.defaults.wait = Some(wait);
        self
    }

    /// Sets whether a request without a key is refused, where an attribute has no `required`.
    /// Default: yes.
    pub fn required(mut self, required: bool) -> Self {
        self.settings.defaults.required = required;
        self
    }

    /// Sets which responses are stored, where an attribute has no `replay`. Default: all. With
    /// `transaction` it has no meaning.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.settings.defaults.replay = replay;
        self
    }

    /// Sets the answer to a retry whose earlier execution died without an outcome, where an
    /// attribute has no `abandoned`. Default: it is refused. With `transaction` it has no meaning.
    pub fn abandoned(mut self, abandoned: Abandoned) -> Self {
        self.settings.defaults.abandoned = abandoned;
        self
    }
}
