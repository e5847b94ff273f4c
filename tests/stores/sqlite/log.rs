//! The write-ahead log is moved into the file beside the writer.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    SqliteStore, Store,
    store::{Claim, Completion, Record},
};
use idempotent_tests::{
    Scratch,
    requests::{KEPT, complete, is_in_flight},
};
use sqlx::Connection;
use tokio::time::{sleep, timeout};

use super::{claim, hold, open, pool, retry};

/// More rows than are written before the log is moved, in fewer pages than a commit would move.
const MANY: usize = 38_000;

async fn fill(store: &SqliteStore) {
    for _ in 0..MANY / 250 {
        let claims = join_all((0..250).map(|_| store.claim(claim(hold())))).await;
        for won in claims {
            assert_eq!(won.unwrap(), Claim::Won { attempt: 1 });
        }
    }
}

/// A row and its places in the indexes take more bytes than this.
const ROW: u64 = 150;

/// Waits until the file itself has so many bytes.
async fn until_moved(file: &Path, bytes: u64) {
    let begun = async {
        while fs::metadata(file).unwrap().len() < bytes {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), begun).await.expect("the log is moved into the file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_reaches_the_file_and_not_only_its_log() {
    let scratch = Scratch::new();
    let store = open(&scratch.file("keys.db")).await;
    fill(&store).await;
    until_moved(&scratch.file("keys.db"), 36_000 * ROW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_needs_the_log_holds_up_no_call_and_what_it_needed_is_moved_later() {
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    let (store, pool) = (open(&file).await, pool(&file).await);
    let owner = hold();
    assert_eq!(store.claim(claim(owner)).await.unwrap(), Claim::Won { attempt: 1 });
    let mut reader = pool.acquire().await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    sqlx::query("SELECT * FROM idempotency_keys").fetch_all(&mut *reading).await.unwrap();
    fill(&store).await;
    is_in_flight(&store.claim(claim(retry(owner))).await.unwrap());
    let rows = sqlx::query("SELECT * FROM idempotency_keys").fetch_all(&mut *reading).await.unwrap();
    assert_eq!(rows.len(), 1, "it reads what there was when it began");
    reading.rollback().await.unwrap();
    complete(&store, owner).await.unwrap();
    fill(&store).await;
    until_moved(&file, 72_000 * ROW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_few_large_responses_are_as_much_as_many_rows() {
    // Fewer rows than are written before the log is moved, and fewer pages than a commit would
    // move.
    const RESPONSES: u64 = 3_000;
    const BYTES: usize = 64 << 10;
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    let store = open(&file).await;
    let record = Record::from_bytes(vec![b'r'; BYTES]);
    let execute = async || {
        let owner = hold();
        assert_eq!(store.claim(claim(owner)).await.unwrap(), Claim::Won { attempt: 1 });
        assert_eq!(store.complete(owner, record.clone(), KEPT).await.unwrap(), Completion::Stored);
    };
    for _ in 0..RESPONSES / 20 {
        join_all((0..20).map(|_| execute())).await;
    }
    until_moved(&file, RESPONSES * BYTES as u64 / 4).await;
}
