//! An execution whose claim has been won.

use tokio::runtime::Handle;
use tracing::Instrument;

use super::{lease::keep_leases, release::release};
use crate::{
    engine::{Executing, Idempotency, Settings},
    flight::{Ending, Leader},
    observe::EventGuard,
    policy_ref::PolicyRef,
    store::{Hold, Retention},
};

/// A won claim, and all that its end has to be told.
pub(crate) struct Claimed {
    pub(crate) policy: PolicyRef,
    pub(crate) app: Idempotency,
    pub(crate) hold: Hold,
    pub(crate) leader: Leader,
    /// Told how the execution has ended.
    pub(crate) event: EventGuard,
    pub(crate) executing: Executing,
    /// Time for which its record will be kept.
    pub(crate) retention: Retention,
}

impl Claimed {
    /// Begins the execution under `hold`. Others in this process find it running, and its lease is
    /// kept.
    pub(crate) fn begin(
        policy: PolicyRef,
        app: Idempotency,
        hold: Hold,
        leader: Leader,
        event: EventGuard,
        mut executing: Executing,
    ) -> Self {
        executing.begins();
        leader.running(hold);
        keep_leases(&app);
        let Settings { defaults, remember_expired, .. } = &app.0.settings;
        let retention = Retention { replay: policy.ttl(defaults), remember: *remember_expired };
        Claimed { policy, app, hold, leader, event, executing, retention }
    }

    /// Frees the key, and returns `output`.
    pub(crate) async fn release<T>(self, output: T) -> T {
        self.leader.finishing(self.hold);
        release(&self.app, &self.policy, self.hold).await;
        self.leader.end(Ending::Released);
        output
    }

    /// Frees the key in the background. A runtime that ends has no time for that: the key is left
    /// to its lease then.
    pub(crate) fn release_later(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.release(()).in_current_span());
        }
    }
}
