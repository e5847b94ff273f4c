//! One walk over the stuck entries.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::dead::recover;
use crate::{
    engine::Idempotency,
    execution::renewed_in_time,
    record,
    request::{Endpoint, label},
    store::{CallError, Hold, Inspection, Renewal, Standing, Stuck, StuckCursor, StuckRequest},
};

/// Number of entries that are asked for at a time.
const PAGE: usize = 500;
/// Number of executions that the application is asked about at a time.
const AT_A_TIME: usize = 4;
/// The walk rests for as long as it has worked, up to this.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// End of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// All entries have been looked at.
    Whole,
    /// The process drains, nobody has the handle any more, the turn is lost, or the store has
    /// failed.
    Cut,
}

/// Holders of the handle while it is walked and nobody else has it: the walk, and its turn.
const OWN_HANDLES: usize = 2;

/// Asks the application about each execution that is found dead, as long as the turn is held.
pub(super) async fn walk(app: &Idempotency, turn: Hold) -> WalkEnd {
    let (mut after, walking) = (None, Instant::now());
    loop {
        let began = Instant::now();
        let Stuck { entries, next } = match page(app, after).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "stuck entries could not be listed, trying again");
                return WalkEnd::Cut;
            }
        };
        let (lease, age) = (app.0.settings.lease, walking.elapsed());
        let is_wanted =
            |found: &Inspection| is_to_be_asked_about(app, found) && !may_be_known(found, age, lease);
        let dead: Vec<_> = entries.into_iter().filter(is_wanted).collect();
        let listing = began.elapsed();
        for some in dead.chunks(AT_A_TIME) {
            if is_to_stop(app) {
                return WalkEnd::Cut;
            }
            let began = Instant::now();
            stream::iter(some).for_each_concurrent(AT_A_TIME, |found| recover(app, found)).await;
            rest(began.elapsed()).await;
        }
        after = next;
        if after.is_none() {
            return WalkEnd::Whole;
        }
        rest(listing).await;
        if is_to_stop(app) {
            return WalkEnd::Cut;
        }
        if !matches!(renewed_in_time(app, turn).await, Ok(Renewal::Renewed)) {
            return WalkEnd::Cut;
        }
    }
}

fn is_to_stop(app: &Idempotency) -> bool {
    app.0.executions.is_draining() || Arc::strong_count(&app.0) <= OWN_HANDLES
}

async fn rest(worked: Duration) {
    sleep(worked.min(LONGEST_REST)).await;
}

async fn page(app: &Idempotency, after: Option<StuckCursor>) -> Result<Stuck, CallError<Stuck>> {
    let request = StuckRequest { after, limit: PAGE, unknown: record::of_unknown(), endpoint: None };
    app.0.store.for_operators().stuck(request).await
}

/// True for a key of this namespace whose execution died, and may have left something. A step ends
/// with its key, and a record that says that nothing is known is somebody's decision.
fn is_to_be_asked_about(app: &Idempotency, found: &Inspection) -> bool {
    let label = &*found.label;
    matches!(found.standing, Standing::Abandoned { .. })
        && !found.address.is_of_a_step()
        && label::is_of(label, &app.0.settings.namespace)
        && !label::is_in_transaction(label)
        && !Endpoint::is_collective(label::endpoint_of(label))
}

/// True where a walk of this age may have taken the entry over itself, and was told nothing: the
/// entry has got a new lease then, which has run out since. The list may show it again.
fn may_be_known(found: &Inspection, age: Duration, lease: Duration) -> bool {
    match found.standing {
        Standing::Abandoned { lapsed } => lapsed.saturating_add(lease) <= age,
        _ => false,
    }
}
