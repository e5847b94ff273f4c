//! Metrics that Prometheus reads at `/metrics`; `examples/grafana-dashboard.json` shows them.

use std::sync::Arc;

use idempotent_runtime::{Idempotency, metrics::Metrics};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Metrics of this process.
#[derive(Clone)]
pub(crate) struct Prometheus {
    recorder: PrometheusHandle,
    metrics: Arc<Metrics>,
}

impl Prometheus {
    /// Records from now on whatever is measured in this process.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
        Ok(Prometheus { recorder, metrics: Arc::new(Metrics::new()) })
    }

    /// Listener that is to hear of requests.
    pub(crate) fn listener(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Metrics as Prometheus reads them.
    pub(crate) fn read(&self, idempotency: &Idempotency) -> String {
        self.metrics.sample(idempotency);
        self.recorder.run_upkeep();
        self.recorder.render()
    }
}
