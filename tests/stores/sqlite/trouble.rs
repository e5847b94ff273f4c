//! A file that is locked, full, damaged or gone: errors that end, and never a new execution.

use std::{path::Path, time::Duration};

use idempotent_runtime::{
    ManualClock, SqliteStore, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Retention},
};
use idempotent_tests::{Scratch, said};
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};
use tokio::time::{Instant, sleep, timeout};

use super::{HOUR, claim, hold, open, pool, retry};
use crate::times::is_within;

const RETENTION: Retention = Retention { replay: HOUR, remember: Duration::ZERO };

async fn complete(store: &SqliteStore, record: &[u8]) -> Result<Hold, StoreError> {
    let hold = hold();
    assert_eq!(store.claim(claim(hold)).await?, Claim::Won { attempt: 1 });
    let stored = store.complete(hold, Record::from_bytes(record.to_vec()), RETENTION).await?;
    assert_eq!(stored, Completion::Stored);
    Ok(hold)
}

async fn run(pool: &SqlitePool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_another_programs_transaction() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let pool = pool(&path).await;
    let waits = async || {
        let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let claiming = tokio::spawn({
            let store = store.clone();
            async move { store.claim(claim(hold())).await }
        });
        sleep(Duration::from_millis(500)).await;
        let (waited, released) = (!claiming.is_finished(), Instant::now());
        lock.rollback().await.unwrap();
        // A busy machine may make too long a time of half a second.
        let won = waited && matches!(claiming.await.unwrap(), Ok(Claim::Won { attempt: 1 }));
        if won { released.elapsed() } else { Duration::MAX }
    };
    is_within(Duration::from_millis(250), "a claim when the file is free", waits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_stays_locked_is_an_error_in_bounded_time_and_recovers() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let pool = pool(&path).await;
    let refused = async || {
        let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let asked = Instant::now();
        let error = store.claim(claim(hold())).await.unwrap_err();
        assert!(matches!(error, StoreError::NotDone { .. }), "{error:?}");
        assert!(said(&error).contains("database is locked"), "{}", said(&error));
        let took = asked.elapsed();
        lock.rollback().await.unwrap();
        took
    };
    is_within(Duration::from_millis(2_500), "a claim while the file is locked", refused).await;
    let won = async || {
        refused().await;
        let asked = Instant::now();
        assert_eq!(store.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
        asked.elapsed()
    };
    is_within(Duration::from_secs(1), "the first claim when the file is free", won).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_refuses_new_keys_and_goes_on_replaying() {
    let scratch = Scratch::new();
    // What a full disk says, without one.
    let options = SqliteConnectOptions::new()
        .filename(scratch.file("keys.db"))
        .create_if_missing(true)
        .pragma("max_page_count", "200");
    let clock = ManualClock::new();
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let store = SqliteStore::builder(pool).clock(clock.clone()).build().await.unwrap();
    let kept = complete(&store, b"kept").await.unwrap();
    let mut full = None;
    for _ in 0..100 {
        if let Err(error) = complete(&store, &[b'x'; 20_000]).await {
            full = Some(error);
            break;
        }
    }
    assert!(matches!(full, Some(StoreError::Full { store: "sqlite", .. })), "{full:?}");
    let found = store.claim(claim(retry(kept))).await.unwrap();
    assert!(matches!(&found, Claim::Replay { record, .. } if record.as_bytes()[..] == *b"kept"), "{found:?}");
    clock.advance(HOUR * 2);
    assert!(store.sweep().await.unwrap() > 0, "what has expired makes room");
    complete(&store, &[b'x'; 20_000]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_gone_is_an_error_until_it_is_back() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let kept = complete(&store, b"kept").await.unwrap();
    let pool = pool(&path).await;
    run(&pool, "ALTER TABLE idempotency_keys RENAME TO away").await;
    let error = store.claim(claim(retry(kept))).await.unwrap_err();
    assert!(matches!(error, StoreError::NotDone { .. }), "{error:?}");
    assert!(said(&error).contains("no such table"), "{}", said(&error));
    run(&pool, "ALTER TABLE away RENAME TO idempotency_keys").await;
    let found = store.claim(claim(retry(kept))).await.unwrap();
    assert!(matches!(found, Claim::Replay { .. }), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_deleted_or_replaced_is_an_error_and_not_a_new_execution() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let kept = complete(&store, b"kept").await.unwrap();
    std::fs::rename(&path, scratch.file("away.db")).unwrap();
    let error = store.claim(claim(retry(kept))).await.unwrap_err();
    assert!(said(&error).contains("No such file"), "{}", said(&error));
    let error = store.claim(claim(retry(kept))).await.unwrap_err();
    assert!(matches!(error, StoreError::NotDone { .. }), "{error:?}");
    assert!(said(&error).contains("unable to open database file"), "{}", said(&error));
    assert!(!path.exists(), "the store has created a new file");
    std::fs::rename(scratch.file("away.db"), &path).unwrap();
    let found = store.claim(claim(retry(kept))).await.unwrap();
    assert!(matches!(found, Claim::Replay { .. }), "{found:?}");
    std::fs::copy(&path, scratch.file("copy.db")).unwrap();
    std::fs::rename(scratch.file("copy.db"), &path).unwrap();
    let error = store.claim(claim(retry(kept))).await.unwrap_err();
    assert!(said(&error).contains("deleted or replaced"), "{}", said(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_deleted_under_a_store_loses_nothing() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let kept = complete(&store, b"kept").await.unwrap();
    std::fs::remove_file(scratch.file("keys.db-wal")).unwrap();
    let error = store.claim(claim(retry(kept))).await.unwrap_err();
    assert!(said(&error).contains("No such file"), "{}", said(&error));
    // The connection that was closed has brought its log into the file.
    let found = store.claim(claim(retry(kept))).await.unwrap();
    assert!(matches!(found, Claim::Replay { .. }), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_row_is_an_error_for_its_key_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let store = open(&path).await;
    let pool = pool(&path).await;
    let whole = complete(&store, b"whole").await.unwrap();
    for damage in
        ["token = x'00'", "fingerprint = x''", "state = 9", "attempt = -1", "until = -1", "record = NULL"]
    {
        let damaged = complete(&store, b"damaged").await.unwrap();
        let last = "id = (SELECT max(id) FROM idempotency_keys)";
        run(&pool, &format!("UPDATE idempotency_keys SET {damage} WHERE {last}")).await;
        let (at_once, beside) =
            tokio::join!(store.claim(claim(retry(damaged))), store.claim(claim(retry(whole))));
        let error = at_once.unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { .. }), "{damage}: {error:?}");
        assert!(said(&error).contains("a row is damaged"), "{damage}");
        assert!(matches!(beside.unwrap(), Claim::Replay { .. }), "{damage}");
    }
}

const KEYS: usize = 1_000;

/// A closed file with so many completed keys.
async fn filled(path: &Path) -> Vec<Hold> {
    let store = open(path).await;
    let mut holds = Vec::new();
    for _ in 0..KEYS / 100 {
        let some = (0..100).map(|_| complete(&store, b"done"));
        holds.extend(futures_util::future::join_all(some).await.into_iter().map(Result::unwrap));
    }
    drop(store);
    let pool = pool(path).await;
    run(&pool, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    pool.close().await;
    holds
}

/// A store in a file that had these bytes written over some of its pages, if it opens.
async fn damaged(path: &Path, whole: &[u8], page: impl Fn(usize) -> Option<u8>) -> Option<SqliteStore> {
    let mut bytes = whole.to_vec();
    for (number, content) in bytes.chunks_mut(4096).enumerate() {
        if let Some(fill) = page(number) {
            content.fill(fill);
        }
    }
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    std::fs::write(path, bytes).unwrap();
    SqliteStore::open(path).await.ok()
}

/// Number of pages in which the tables and their version are written down, at most.
const PAGES_OF_THE_SCHEMA: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_anew_in_a_damaged_file() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let holds = filled(&path).await;
    let whole = std::fs::read(&path).unwrap();
    let (mut errors, mut ran_anew) = (0, Vec::new());
    for every in [2, 7, 31] {
        for fill in [0x00, 0xff, 0x5a] {
            let copy = scratch.file(format!("{every}-{fill}.db"));
            // A file whose version cannot be read does not open.
            let hit = |number| (number > PAGES_OF_THE_SCHEMA && number % every == 1).then_some(fill);
            let Some(store) = damaged(&copy, &whole, hit).await else { continue };
            for hold in &holds {
                let one = ClaimRequest { ..claim(retry(*hold)) };
                match store.claim(one).await {
                    Ok(Claim::Replay { record, .. }) => assert_eq!(record.as_bytes()[..], *b"done"),
                    Ok(found) => ran_anew.push((found, every, fill)),
                    Err(_) => errors += 1,
                }
            }
        }
    }
    assert!(ran_anew.is_empty(), "{ran_anew:?}");
    assert!(errors > 100, "too little was damaged: {errors} errors");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_deletes_what_has_expired_and_nothing_else() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let builder = SqliteStore::builder_at(scratch.file("keys.db")).unwrap();
    let store = builder.clock(clock.clone()).build().await.unwrap();
    futures_util::future::join_all((0..1_234).map(|_| complete(&store, b"old"))).await;
    clock.advance(HOUR / 2);
    let live = complete(&store, b"live").await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0);
    clock.advance(HOUR / 2);
    let (swept, claimed) = tokio::join!(store.sweep(), store.claim(claim(hold())));
    assert_eq!(swept.unwrap(), 1_234);
    assert_eq!(claimed.unwrap(), Claim::Won { attempt: 1 });
    assert!(matches!(store.claim(claim(retry(live))).await.unwrap(), Claim::Replay { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_remembered_gives_its_records_bytes_back() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let path = scratch.file("keys.db");
    let store = SqliteStore::builder_at(&path).unwrap().clock(clock.clone()).build().await.unwrap();
    let hold = hold();
    store.claim(claim(hold)).await.unwrap();
    let retention = Retention { replay: HOUR, remember: HOUR };
    store.complete(hold, Record::from_bytes(&b"done"[..]), retention).await.unwrap();
    clock.advance(HOUR);
    assert_eq!(store.claim(claim(retry(hold))).await.unwrap(), Claim::Expired);
    assert_eq!((store.sweep().await.unwrap(), store.sweep().await.unwrap()), (1, 0));
    let record = sqlx::query_scalar::<_, Option<Vec<u8>>>("SELECT record FROM idempotency_keys");
    assert_eq!(record.fetch_one(&pool(&path).await).await.unwrap(), None);
    assert_eq!(store.claim(claim(retry(hold))).await.unwrap(), Claim::Expired);
    let repeated = store.complete(hold, Record::from_bytes(&b"late"[..]), retention).await.unwrap();
    assert_eq!(repeated, Completion::Stored);
    assert_eq!(store.claim(claim(retry(hold))).await.unwrap(), Claim::Expired);
    clock.advance(HOUR);
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.claim(claim(retry(hold))).await.unwrap(), Claim::Won { attempt: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_swept_by_itself() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let path = scratch.file("keys.db");
    let builder = SqliteStore::builder_at(&path).unwrap().sweep_every(Duration::from_millis(50));
    let store = builder.clock(clock.clone()).build().await.unwrap();
    complete(&store, b"old").await.unwrap();
    clock.advance(HOUR * 2);
    let pool = pool(&path).await;
    let swept = async {
        let rows = "SELECT count(*) FROM idempotency_keys";
        while sqlx::query_scalar::<_, i64>(rows).fetch_one(&pool).await.unwrap() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), swept).await.expect("it is swept");
}
