//! The list of what is stuck, in a file of many rows that somebody writes.

use futures_util::future::join_all;
use idempotent_runtime::{
    ManualClock, SqliteStore, Store,
    store::{Claim, Record, StuckRequest},
};
use idempotent_tests::Scratch;
use sqlx::Connection;

use super::{HOUR, claim, hold, pool};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stuck_is_listed_a_bounded_number_of_rows_at_a_time_while_somebody_writes() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let path = scratch.file("keys.db");
    let store = SqliteStore::builder_at(&path).unwrap().clock(clock.clone()).build().await.unwrap();
    let win = async || {
        let hold = hold();
        assert_eq!(store.claim(claim(hold)).await.unwrap(), Claim::Won { attempt: 1 });
        hold.address
    };
    let first = win().await;
    clock.advance(HOUR);
    join_all((0..2_100).map(|_| win())).await;
    let pool = pool(&path).await;
    let mut connection = pool.acquire().await.unwrap();
    let writing = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let unknown = Record::from_bytes(&b"unknown"[..]);
        let page = store.stuck(StuckRequest { after, limit: 100, unknown, endpoint: None }).await.unwrap();
        found.extend(page.entries.into_iter().map(|entry| entry.address));
        (pages, after) = (pages + 1, page.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (vec![first], 3));
    writing.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_hides_none_of_those_behind_it() {
    const ROWS: usize = 1_100;
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let path = scratch.file("keys.db");
    let store = SqliteStore::builder_at(&path).unwrap().clock(clock.clone()).build().await.unwrap();
    join_all((0..ROWS).map(|_| async { store.claim(claim(hold())).await.unwrap() })).await;
    let damage =
        "UPDATE idempotency_keys SET address = x'00' WHERE id = (SELECT min(id) FROM idempotency_keys)";
    sqlx::query(damage).execute(&pool(&path).await).await.unwrap();
    clock.advance(HOUR);
    let (mut found, mut after) = (0, None);
    loop {
        let unknown = Record::from_bytes(&b"unknown"[..]);
        let page =
            store.stuck(StuckRequest { after, limit: 2 * ROWS, unknown, endpoint: None }).await.unwrap();
        (found, after) = (found + page.entries.len(), page.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ROWS - 1);
}
