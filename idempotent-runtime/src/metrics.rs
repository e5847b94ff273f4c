//! Metrics of idempotent endpoints, through the [`metrics`](https://docs.rs/metrics) facade
//! (feature `metrics`).
//!
//! [`Metrics`] is a [`Listener`]; whichever recorder the application has installed gets what it
//! counts:
//!
//! | name | kind | labels | what |
//! | --- | --- | --- | --- |
//! | `idempotent_requests_total` | counter | `handler`, `route`, `outcome` | ended requests |
//! | `idempotent_wait_seconds` | histogram | `handler`, `route` | time that waiters waited |
//! | `idempotent_store_seconds` | histogram | `verb` | time of claims and completions |
//! | `idempotent_executions_running` | gauge | | executions running |
//! | `idempotent_waiters` | gauge | | requests of the process that wait for an execution |
//! | `idempotent_renewals_total` | counter | `result` | renewals of leases |
//! | `idempotent_background_completions_total` | counter | | stored in the background |
//! | `idempotent_memory_entries` | gauge | | entries in the memory store |
//! | `idempotent_memory_bytes` | gauge | | bytes in the memory store |
//! | `idempotent_memory_evicted_total` | counter | | live records that were evicted |
//!
//! - `idempotent_requests_total`: the `outcome` is the name of an [`Outcome`](crate::Outcome).
//! - `idempotent_wait_seconds`: only requests that waited for another execution are in it.
//! - `idempotent_store_seconds`: the time of the store for a request's claims (`claim`), and for
//!   the record of its response (`complete`).
//! - `idempotent_renewals_total`: a lease was `renewed`, or the store `failed` to renew it.
//! - `idempotent_background_completions_total`: responses that were left to be stored in the
//!   background.
//! - `idempotent_memory_…`: the memory store of this process.
//!
//! `handler` is the handler's module path and name, and `route` the pattern of its route: neither
//! depends on what clients send. For a call of [`once`](crate::Idempotency::once) they are `once`
//! and the name of the operation. A request is counted when it ends. The rest is sampled: every
//! twelfth of a lease (2.5 s) once something has run, and whenever the application [asks for a
//! sample](Metrics::sample), as it does before its metrics are read.
//!
//! The recorder decides what a histogram becomes: `metrics-exporter-prometheus` makes summaries of
//! it unless it is given buckets (`PrometheusBuilder::set_buckets`), which the dashboard
//! `examples/grafana-dashboard.json` wants. A counter of `idempotent_requests_total` is there from
//! its first event on; [operating](crate::guide::operating) has a query that does not miss that
//! one.
//!
//! ```
//! use std::sync::Arc;
//!
//! use idempotent_runtime::{Idempotency, metrics::Metrics};
//!
//! # fn main() -> Result<(), idempotent_runtime::BuildError> {
//! // After the recorder has been installed.
//! let metrics = Arc::new(Metrics::new());
//! let idempotency = Idempotency::builder().listener(Arc::clone(&metrics)).build()?;
//! // Where metrics are read:
//! metrics.sample(&idempotency);
//! # Ok(()) }
//! ```

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use ::metrics::{
    Counter, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::{
    engine::Idempotency,
    observe::{Event, Listener, Sample},
};

const REQUESTS: &str = "idempotent_requests_total";
const WAIT: &str = "idempotent_wait_seconds";
const STORE: &str = "idempotent_store_seconds";
const RUNNING: &str = "idempotent_executions_running";
const WAITERS: &str = "idempotent_waiters";
const RENEWALS: &str = "idempotent_renewals_total";
const COMPLETIONS: &str = "idempotent_background_completions_total";
const ENTRIES: &str = "idempotent_memory_entries";
const BYTES: &str = "idempotent_memory_bytes";
const EVICTED: &str = "idempotent_memory_evicted_total";

/// Records what it hears with the recorder of the application. One for each [`Idempotency`]; where
/// a process has several, their counters add up, and gauges show the one that was sampled last.
#[derive(Debug)]
pub struct Metrics {
    renewed: Total,
    failed: Total,
    completed: Total,
    evicted: Total,
}

impl Metrics {
    /// Describes the metrics to the recorder, which is therefore to be installed before.
    pub fn new() -> Self {
        describe_counter!(REQUESTS, Unit::Count, "requests to idempotent endpoints that have ended");
        describe_histogram!(WAIT, Unit::Seconds, "how long requests waited for another execution");
        describe_histogram!(STORE, Unit::Seconds, "how long the store took for a request");
        describe_gauge!(RUNNING, Unit::Count, "executions running");
        describe_gauge!(WAITERS, Unit::Count, "requests that wait for an execution");
        describe_counter!(RENEWALS, Unit::Count, "leases renewed, and renewals that failed");
        describe_counter!(COMPLETIONS, Unit::Count, "responses left to be stored in the background");
        describe_gauge!(ENTRIES, Unit::Count, "entries in the memory store");
        describe_gauge!(BYTES, Unit::Bytes, "bytes in the memory store");
        describe_counter!(EVICTED, Unit::Count, "live records evicted by the memory store");
        Metrics {
            renewed: Total::default(),
            failed: Total::default(),
            completed: Total::default(),
            evicted: Total::default(),
        }
    }

    /// Records what goes on now under `idempotency`.
    pub fn sample(&self, idempotency: &Idempotency) {
        self.sampled(&idempotency.sample());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Listener for Metrics {
    fn heard(&self, event: &Event<'_>) {
        let (handler, route) =
            (event.handler, event.operation.or(event.route).unwrap_or_default().to_owned());
        if event.waited > Duration::ZERO {
            histogram!(WAIT, "handler" => handler, "route" => route.clone()).record(event.waited);
        }
        for (verb, took) in [("claim", event.claim), ("complete", event.completion)] {
            if took > Duration::ZERO {
                histogram!(STORE, "verb" => verb).record(took);
            }
        }
        let outcome = event.outcome.as_str();
        counter!(REQUESTS, "handler" => handler, "route" => route, "outcome" => outcome).increment(1);
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float, and nobody has 2^53 of these")]
    fn sampled(&self, sample: &Sample) {
        gauge!(RUNNING).set(sample.running as f64);
        gauge!(WAITERS).set(sample.waiting as f64);
        self.renewed.becomes(sample.renewals, &counter!(RENEWALS, "result" => "renewed"));
        self.failed.becomes(sample.failed_renewals, &counter!(RENEWALS, "result" => "failed"));
        self.completed.becomes(sample.background_completions, &counter!(COMPLETIONS));
        if let Some(memory) = sample.memory {
            gauge!(ENTRIES).set(memory.entries as f64);
            gauge!(BYTES).set(memory.bytes as f64);
            self.evicted.becomes(memory.evicted, &counter!(EVICTED));
        }
    }
}

/// Sum that a counter has been told so far.
#[derive(Debug, Default)]
struct Total(AtomicU64);

impl Total {
    /// Tells it the rest. Samples may be taken at the same time, and come out of order.
    fn becomes(&self, total: u64, counter: &Counter) {
        let before = self.0.fetch_max(total, Relaxed);
        counter.increment(total.saturating_sub(before));
    }
}
