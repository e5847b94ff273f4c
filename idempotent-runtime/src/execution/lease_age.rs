//! Answers that are heard so late that a lease may have run out since it began.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    clock::{Clock, Timestamp, WallClock},
    engine::Idempotency,
    store::{CallError, Hold, Renewal},
};

/// Moment at which a claim or a renewal was sent: its lease does not begin earlier.
///
/// It is read from two clocks. The monotonic one may stand still while a machine is suspended, and
/// the wall clock may be set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    monotonic: Instant,
    wall: Timestamp,
}

impl Sent {
    /// The moment now.
    pub(crate) fn now() -> Self {
        Sent { monotonic: Instant::now(), wall: WallClock.now() }
    }

    /// True where so much of its `lease` has passed that it would have been renewed by now. The
    /// worker has stood still then, and perhaps the whole process, so nothing may begin under it.
    pub(crate) fn is_late(self, lease: Duration) -> bool {
        let passed = self.monotonic.elapsed().max(WallClock.now().since(self.wall));
        passed >= lease / 3
    }
}

/// Renews the lease of `hold`, and again where the answer is heard late. Work that begins at once
/// after `Renewed` begins under a lease that runs.
pub(crate) async fn renewed_in_time(app: &Idempotency, hold: Hold) -> Result<Renewal, CallError<Renewal>> {
    let lease = app.0.settings.lease;
    loop {
        let sent = Sent::now();
        let renewal = app.0.store.renew(hold, lease).await?;
        if renewal == Renewal::Fenced || !sent.is_late(lease) {
            return Ok(renewal);
        }
    }
}
