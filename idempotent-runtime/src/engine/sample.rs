//! State of an engine at a moment.

use super::{Engine, Idempotency};
use crate::observe::{MemoryUse, Sample};

impl Idempotency {
    /// State at this moment. It costs a few counters and, with a
    /// [`MemoryStore`](crate::MemoryStore), a look at each of its 64 maps.
    pub fn sample(&self) -> Sample {
        self.0.sample()
    }
}

impl Engine {
    /// State at this moment.
    pub(crate) fn sample(&self) -> Sample {
        Sample {
            running: self.executions.running(),
            waiting: self.flights.waiting(),
            renewals: self.background.renewals(),
            failed_renewals: self.background.failed_renewals(),
            background_completions: self.background.completions(),
            memory: self.store.in_memory().map(|store| MemoryUse {
                entries: store.entries(),
                bytes: store.used_bytes(),
                evicted: store.evicted(),
            }),
        }
    }
}
