//! Sweeps: they delete the keys that are forgotten, and nothing else.

use std::time::Duration;

use futures_util::future::join_all;
use idempotent_runtime::{
    Store,
    store::{Claim, Retention},
};
use idempotent_tests::postgres::Schema;
use sqlx::{AssertSqlSafe, Row};
use tokio::time::{sleep, timeout};

use super::{HOUR, WON, claim, complete, hold, is_replay, record_of, retry};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_sweep_deletes_what_is_forgotten_and_nothing_else() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    for _ in 0..10 {
        let forgotten = hold();
        claim(&store, forgotten).await.unwrap();
        complete(&store, forgotten).await.unwrap();
    }
    let claimed_only = hold();
    claim(&store, claimed_only).await.unwrap();
    schema.shift(HOUR * 3).await;
    let (running, completed) = (hold(), hold());
    claim(&store, running).await.unwrap();
    claim(&store, completed).await.unwrap();
    complete(&store, completed).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 11);
    assert_eq!(schema.number("SELECT count(*) FROM {}.keys").await, 2);
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert!(matches!(claim(&store, retry(running)).await.unwrap(), Claim::InFlight { .. }));
    is_replay(&claim(&store, retry(completed)).await.unwrap(), completed);
    schema.drop().await;
}

#[tokio::test]
async fn a_sweep_drops_the_records_of_remembered_keys() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let (swept, seen) = (hold(), hold());
    for owner in [swept, seen] {
        claim(&store, owner).await.unwrap();
        let retention = Retention { replay: HOUR, remember: DAY };
        store.complete(owner, record_of(owner), retention).await.unwrap();
    }
    let records = "SELECT count(*) FROM {}.keys WHERE record IS NOT NULL";
    schema.shift(HOUR * 2).await;
    assert_eq!(schema.number(records).await, 2);
    assert_eq!(claim(&store, retry(seen)).await.unwrap(), Claim::Expired);
    assert_eq!(schema.number(records).await, 1, "an expired record is dropped when it is seen");
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(schema.number(records).await, 0);
    assert_eq!(claim(&store, retry(swept)).await.unwrap(), Claim::Expired);
    schema.shift(DAY).await;
    assert_eq!(store.sweep().await.unwrap(), 2);
    assert_eq!(claim(&store, retry(swept)).await.unwrap(), WON);
    schema.drop().await;
}

#[tokio::test]
async fn a_renewed_claim_outlives_the_time_for_which_it_was_to_be_swept() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    schema.shift(HOUR * 3 / 2).await;
    store.renew(owner, HOUR).await.unwrap();
    schema.shift(HOUR * 3 / 4).await;
    assert_eq!(store.sweep().await.unwrap(), 1, "it is looked at");
    assert_eq!(store.sweep().await.unwrap(), 0, "and then put off");
    complete(&store, owner).await.unwrap();
    is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    schema.drop().await;
}

#[tokio::test]
async fn a_store_sweeps_by_itself() {
    let schema = Schema::new().await;
    let store = schema.builder().sweep_every(Duration::from_millis(20)).build().await.unwrap();
    let forgotten = hold();
    claim(&store, forgotten).await.unwrap();
    schema.shift(HOUR * 3).await;
    let gone = async {
        while schema.number("SELECT count(*) FROM {}.keys").await > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.expect("it is swept");
    drop(store);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_sweep_at_once_sweep_each_row_once() {
    let schema = Schema::new().await;
    let stores = [schema.store().await, schema.store().await, schema.store().await];
    schema.execute(&rows(5_000)).await;
    let sweeps = stores.iter().map(|store| store.sweep());
    let swept: u64 = join_all(sweeps).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(swept, 5_000);
    assert_eq!(schema.number("SELECT count(*) FROM {}.keys").await, 0);
    schema.drop().await;
}

/// Forgotten rows.
fn rows(count: usize) -> String {
    format!(
        "INSERT INTO {{}}.keys (until, forget_at, sweep_at, attempt, state, token, fingerprint, address, label, record)
         SELECT now() - interval '1 day', now() - interval '1 day', now() - interval '1 day', 1, 'd', '', '',
             sha256(key::text::bytea), '', 'old' FROM generate_series(1, {count}) AS key"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_waits_for_nobody_and_leaves_what_is_locked_for_the_next_time() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    schema.execute(&rows(20_000)).await;
    let pool = schema.pool(1);
    let mut transaction = pool.begin().await.unwrap();
    let lock = format!("SELECT address FROM {}.keys LIMIT 1 FOR UPDATE", schema.name);
    let locked = sqlx::raw_sql(AssertSqlSafe(lock)).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(locked.get::<Vec<u8>, _>(0).len(), 32);

    let sweeper = store.clone();
    let sweeping = tokio::spawn(async move { sweeper.sweep().await.unwrap() });
    while !sweeping.is_finished() {
        assert_eq!(claim(&store, hold()).await.unwrap(), WON, "a claim beside the sweep");
    }
    assert_eq!(sweeping.await.unwrap(), 19_999);
    transaction.rollback().await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_that_stands_still_holds_up_no_claim_and_no_other_sweep() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let (running, done) = (hold(), hold());
    for owner in [running, done] {
        claim(&store, owner).await.unwrap();
    }
    complete(&store, done).await.unwrap();
    schema.execute(&rows(2_000)).await;
    let pool = schema.pool(1);
    let mut standing = pool.begin().await.unwrap();
    let sweep = format!("SELECT {}.keys_sweep(1000)", schema.name);
    let swept = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sweep)).fetch_one(&mut *standing).await;
    assert_eq!(swept.unwrap(), 1_000);

    for won in join_all((0..50).map(|_| claim(&store, hold()))).await {
        assert_eq!(won.unwrap(), WON);
    }
    assert!(matches!(claim(&store, retry(running)).await.unwrap(), Claim::InFlight { .. }));
    complete(&store, running).await.unwrap();
    is_replay(&claim(&store, retry(done)).await.unwrap(), done);
    assert_eq!(store.sweep().await.unwrap(), 0, "another node is at it");
    standing.commit().await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1_000);
    schema.drop().await;
}
