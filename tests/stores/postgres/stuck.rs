//! The list of what is stuck, in a table of many rows.

use std::time::Duration;

use idempotent_runtime::{
    PostgresStore, Store,
    store::{Inspection, Record, StuckRequest},
};
use idempotent_tests::postgres::Schema;
use tokio::time::{sleep, timeout};

use super::{HOUR, WON, claim, hold};

/// Rows of requests that have run, as many as several pages look at.
const COMPLETED: &str = "INSERT INTO {}.keys (until, forget_at, sweep_at, attempt, state, token, fingerprint, address, label, record) \
    SELECT at, at, at, 1, 'd', '\\x01', '\\x02', sha256(number::text::bytea), '', '\\x03' \
    FROM (SELECT number, now() + interval '1 hour' + number * interval '1 ms' AS at FROM generate_series(1, 10000) AS number) AS rows";

/// All that is stuck, and how many pages that took.
async fn stuck(store: &PostgresStore) -> (Vec<Inspection>, usize) {
    let (mut all, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let unknown = Record::from_bytes(&b"unknown"[..]);
        let page = store.stuck(StuckRequest { after, limit: 100, unknown, endpoint: None }).await.unwrap();
        all.extend(page.entries);
        (pages, after) = (pages + 1, page.next);
        if after.is_none() {
            return (all, pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_stuck_is_found_by_an_index_a_bounded_number_of_rows_at_a_time() {
    let schema = Schema::new().await;
    // What the indexes' making has read is counted when its connection ends.
    schema.builder().migrate().await.unwrap();
    let store = schema.store().await;
    let dead = [hold(), hold(), hold()];
    for hold in dead {
        assert_eq!(claim(&store, hold).await.unwrap(), WON);
    }
    assert_eq!(schema.execute(COMPLETED).await, 10_000);
    let running = hold();
    schema.shift(HOUR).await;
    assert_eq!(claim(&store, running).await.unwrap(), WON);
    let (found, pages) = stuck(&store).await;
    let found: Vec<_> = found.iter().map(|entry| entry.address).collect();
    assert_eq!(found, dead.map(|hold| hold.address), "the oldest first");
    assert!((10..=12).contains(&pages), "{pages} pages");
    // The server counts a little later.
    let counted = |counter: &str| {
        format!("SELECT {counter} FROM pg_stat_user_tables WHERE schemaname = '{{}}' AND relname = 'keys'")
    };
    let (scans, pages) = (schema.number(&counted("seq_scan")).await, i64::try_from(pages).unwrap());
    let before = schema.number(&counted("idx_scan")).await;
    stuck(&store).await;
    let all = async {
        while schema.number(&counted("idx_scan")).await < before + pages {
            claim(&store, running).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("all looks are counted");
    assert_eq!(schema.number(&counted("seq_scan")).await, scans, "the table is never read as a whole");
    schema.drop().await;
}
