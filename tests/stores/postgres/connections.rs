//! Connections of one store: as few as the documentation says, whatever it is asked for.

use std::{pin::pin, time::Duration};

use idempotent_runtime::{PostgresStore, Store};
use idempotent_tests::postgres::Schema;
use sqlx::{AssertSqlSafe, postgres::PgPoolOptions};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{HOUR, WON, claim, complete, hold, request, retry};

/// Number of connections beside those that `connections` says.
const OTHERS: i64 = 6;

/// A store whose connections bear its schema's name.
async fn store(schema: &Schema, connections: Option<usize>) -> PostgresStore {
    let pool = PgPoolOptions::new().connect_lazy_with(schema.options().application_name(&schema.name));
    let builder = PostgresStore::builder(pool).schema(&schema.name);
    let builder = connections.into_iter().fold(builder, |builder, number| builder.connections(number));
    builder.build().await.unwrap()
}

/// Asks for everything at once that takes a connection, for a second.
async fn everything(schema: &Schema, store: &PostgresStore) {
    let locked = hold();
    claim(store, locked).await.unwrap();
    let pool = schema.pool(1);
    let mut lock = pool.begin().await.unwrap();
    let row = format!(
        "SELECT FROM {}.keys WHERE address = decode('{}', 'hex') FOR UPDATE",
        schema.name, locked.address
    );
    sqlx::raw_sql(AssertSqlSafe(row)).execute(&mut *lock).await.unwrap();
    let ends = Instant::now() + Duration::from_secs(1);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        tasks.spawn(async move {
            while Instant::now() < ends {
                let owner = hold();
                match number % 5 {
                    0 => assert!(store.inspect(owner.address).await.unwrap().is_none()),
                    1 => assert_eq!(store.claim_for_transaction(request(owner)).await.unwrap(), WON),
                    2 if number == 2 => assert!(store.renew(locked, HOUR).await.is_err(), "it is locked"),
                    3 if number == 3 => {
                        assert_eq!(store.sweep().await.unwrap(), 0);
                        sleep(Duration::from_millis(100)).await;
                    }
                    _ => {
                        claim(&store, owner).await.unwrap();
                        complete(&store, owner).await.unwrap();
                        claim(&store, retry(owner)).await.unwrap();
                    }
                }
            }
        });
    }
    tasks.join_all().await;
}

/// The most connections that there are while `work` is done, seen at two looks in a row: the server
/// notices a little later that one has been closed.
async fn most(schema: &Schema, work: impl Future<Output = ()>) -> i64 {
    let (pool, mut most, mut before) = (schema.pool(1), 0, 0);
    let mut work = pin!(work);
    loop {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        let now: i64 = sqlx::query_scalar(count).bind(&schema.name).fetch_one(&pool).await.unwrap();
        most = most.max(now.min(before));
        before = now;
        // Its tasks run on meanwhile.
        if timeout(Duration::from_millis(5), &mut work).await.is_ok() {
            return most;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_makes_no_more_connections_than_are_documented() {
    const DOCUMENTATION: &str = include_str!("../../../idempotent-runtime/src/store/postgres/mod.rs");
    assert!(DOCUMENTATION.contains("10 at most by"));
    for (connections, calls) in [(None, 4), (Some(1), 1), (Some(8), 8)] {
        let schema = Schema::new().await;
        let store = store(&schema, connections).await;
        let most =
            timeout(Duration::from_secs(60), most(&schema, everything(&schema, &store))).await.unwrap();
        println!("{calls} for calls: {most} at most");
        assert!(
            (calls + 2..=calls + OTHERS).contains(&most),
            "{most} connections, {calls} of them for calls"
        );
    }
}
