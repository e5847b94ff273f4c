//! A recorder that keeps what it is told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use idempotent_runtime::Outcome;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit, set_global_recorder,
};

use super::script::Counts;

/// Counters and gauges as they stand, and how many values histograms were given.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<HashMap<Key, Arc<Number>>>>);

#[derive(Default)]
struct Number(AtomicU64);

impl Recorder {
    /// One for the whole process: the servers' threads record with it too.
    pub(super) fn of_this_process() -> Recorder {
        static RECORDER: OnceLock<Recorder> = OnceLock::new();
        let install = || {
            let recorder = Recorder::default();
            assert!(set_global_recorder(recorder.clone()).is_ok(), "another recorder is installed");
            recorder
        };
        RECORDER.get_or_init(install).clone()
    }

    fn number(&self, key: &Key) -> Arc<Number> {
        Arc::clone(self.0.lock().unwrap().entry(key.clone()).or_default())
    }

    fn each(&self, name: &str) -> Vec<(Key, u64)> {
        let numbers = self.0.lock().unwrap();
        let named = numbers.iter().filter(|(key, _)| key.name() == name);
        named.map(|(key, number)| (key.clone(), number.0.load(SeqCst))).collect()
    }

    /// Number of requests that ended in each way, by route.
    pub(super) fn requests(&self) -> Counts {
        let mut counts = Counts::new();
        for (key, times) in self.each("idempotent_requests_total") {
            let outcome = label(&key, "outcome");
            let outcome = Outcome::ALL.into_iter().find(|known| known.as_str() == outcome).unwrap();
            *counts.entry((label(&key, "route"), outcome.as_str())).or_default() +=
                usize::try_from(times).unwrap();
        }
        counts
    }

    /// Number of requests that have waited.
    pub(super) fn waits(&self) -> u64 {
        self.each("idempotent_wait_seconds").iter().map(|(_, times)| times).sum()
    }

    /// The value of what has this name and this label, if one is given.
    pub(super) fn value(&self, name: &str, label: Option<(&str, &str)>) -> Option<u64> {
        let is_it = |key: &Key| {
            label.is_none_or(|(name, value)| {
                key.labels().any(|label| label.key() == name && label.value() == value)
            })
        };
        self.each(name).into_iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }
}

fn label(key: &Key, name: &str) -> String {
    key.labels().find(|label| label.key() == name).unwrap().value().to_owned()
}

impl metrics::CounterFn for Number {
    fn increment(&self, by: u64) {
        self.0.fetch_add(by, SeqCst);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, SeqCst);
    }
}

impl metrics::GaugeFn for Number {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "these are counts")]
    fn set(&self, value: f64) {
        self.0.store(value as u64, SeqCst);
    }
}

impl HistogramFn for Number {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.number(key))
    }
}
