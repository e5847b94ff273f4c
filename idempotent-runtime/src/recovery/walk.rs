//! One walk over the stuck entries.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::dead::recover;
use crate::{
    engine::Idempotency,
    execution::renewed_in_time,
    record,
    request::label,
    store::{CallError, Hold, Inspection, Renewal, Standing, Stuck, StuckCursor, StuckRequest},
};

/// Number of entries that are asked for at a time.
const PAGE: usize = 500;
/// Number of executions that the application is asked about at a time.
const AT_A_TIME: usize = 4;
/// The walk rests for so many times as long as it has worked, up to the longest rest.
const REST: u32 = 1;
const LONGEST_REST: Duration = Duration::from_millis(100);

/// End of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// All entries have been looked at.
    Whole,
    /// The process drains, the turn is lost, or the store has failed.
    Cut,
}

/// Asks the application about each execution that is found dead, as long as the turn is held.
pub(super) async fn walk(app: &Idempotency, turn: Hold) -> WalkEnd {
    let mut after = None;
    loop {
        let Stuck { entries, next } = match page(app, after).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "stuck entries could not be listed, trying again");
                return WalkEnd::Cut;
            }
        };
        let dead: Vec<_> = entries.into_iter().filter(|found| is_to_be_asked_about(app, found)).collect();
        for some in dead.chunks(AT_A_TIME) {
            if app.0.executions.is_draining() {
                return WalkEnd::Cut;
            }
            let began = Instant::now();
            stream::iter(some).for_each_concurrent(AT_A_TIME, |found| recover(app, found)).await;
            sleep((began.elapsed() * REST).min(LONGEST_REST)).await;
        }
        after = next;
        if after.is_none() {
            return WalkEnd::Whole;
        }
        if !matches!(renewed_in_time(app, turn).await, Ok(Renewal::Renewed)) {
            return WalkEnd::Cut;
        }
    }
}

async fn page(app: &Idempotency, after: Option<StuckCursor>) -> Result<Stuck, CallError<Stuck>> {
    let request = StuckRequest { after, limit: PAGE, unknown: record::of_unknown(), endpoint: None };
    app.0.store.for_operators().stuck(request).await
}

/// True for a key of this namespace whose execution died. A step ends with its key, and a record
/// that says that nothing is known is somebody's decision.
fn is_to_be_asked_about(app: &Idempotency, found: &Inspection) -> bool {
    matches!(found.standing, Standing::Abandoned { .. })
        && !found.address.is_of_a_step()
        && label::is_of(&found.label, &app.0.settings.namespace)
}
