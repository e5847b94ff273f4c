//! Samples for a listener, told beside the thread that keeps the leases: no listener may hold that
//! thread up.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::engine::Engine;

/// Tells samples to one application's listener, on a thread that may block. A listener that is
/// still busy with a sample misses the next ones.
#[derive(Default)]
pub(crate) struct Sampling(Option<JoinHandle<()>>);

impl Sampling {
    pub(crate) fn tell(&mut self, app: &Engine) {
        let Some(listener) = &app.settings.listener else { return };
        if self.0.as_ref().is_none_or(JoinHandle::is_finished) {
            let (listener, sample) = (Arc::clone(listener), app.sample());
            self.0 = Some(spawn_blocking(move || listener.sampled(&sample)));
        }
    }
}
