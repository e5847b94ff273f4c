use std::{sync::Arc, time::Duration};

use http::HeaderName;

use crate::{
    Idempotent, Journal,
    journal::Erased,
    key::KeyForm,
    retry::{Backoff, RetryBounds},
};

/// The settings of [`Idempotent`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) header: HeaderName,
    pub(crate) form: KeyForm,
    pub(crate) journal: Option<Arc<dyn Erased>>,
    pub(crate) bounds: RetryBounds,
}

impl Default for Builder {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10) };
        let (total, per_try) = (Duration::from_secs(60), Duration::from_secs(30));
        Builder {
            header: HeaderName::from_static("idempotency-key"),
            form: KeyForm::Quoted,
            journal: None,
            bounds: RetryBounds { tries: 12, total, per_try, backoff },
        }
    }
}

impl Builder {
    /// The header that holds the key; `Idempotency-Key` by default.
    pub fn header_name(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }

    /// Writes keys bare (`0198c0de-…`), for servers that take the quotes for a part of the key, as
    /// Stripe does. By default keys are quoted, as the IETF draft has it.
    pub fn bare_keys(mut self) -> Self {
        self.form = KeyForm::Bare;
        self
    }

    /// Journal in which the keys of requests with an [`Operation`](crate::Operation) are kept.
    /// There is none by default. Such a request is then an error, and nothing is sent.
    pub fn journal(mut self, journal: impl Journal) -> Self {
        self.journal = Some(Arc::new(journal));
        self
    }

    /// Upper bound on how often a request is sent, the first time included; 12 by default. With the
    /// default delays, 12 tries that fail at once take about 40 s: time enough for a server to be
    /// started again. 0 counts as 1.
    pub fn tries(mut self, tries: u32) -> Self {
        self.bounds.tries = tries;
        self
    }

    /// Upper bound on the time of all tries and delays together; 60 s by default. A delay that
    /// would pass this bound is not begun.
    pub fn total_timeout(mut self, time: Duration) -> Self {
        self.bounds.total = time;
        self
    }

    /// Upper bound on the time of one try; 30 s by default. It should be longer than the server's
    /// `wait` (10 s by default there).
    pub fn try_timeout(mut self, time: Duration) -> Self {
        self.bounds.per_try = time;
        self
    }

    /// Delays between tries: the one after the first try, and the longest; 100 ms and 10 s by
    /// default.
    ///
    /// Each delay is twice as long as the one before, less up to a half at random. It is longer
    /// where `Retry-After` says so.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.bounds.backoff = Backoff { first, longest };
        self
    }

    /// The middleware.
    pub fn build(self) -> Idempotent {
        Idempotent::new(self)
    }
}
