//! Databases that fail, refuse, or do not say what they have done.

use idempotent_runtime::{Idempotency, IdempotentTx, Once, OnceError, PostgresStore, TransactionFailure};
use idempotent_tests::proxy::{Cut, How, Proxy};
use sqlx::{Postgres, postgres::PgPoolOptions};
use tokio::sync::Barrier;

use super::fixture::{Inbox, Settled};
use crate::fixture::{Fixture, OnPostgres, within};

/// End of the message that commits.
const COMMIT: &str = "COMMIT\0";

/// A node that reaches its database through a proxy.
async fn through_a_proxy(fixture: &OnPostgres) -> (Inbox<OnPostgres>, Proxy) {
    let options = fixture.0.options();
    let proxy = Proxy::to(options.get_port()).await;
    let options = options.host("127.0.0.1").port(proxy.port());
    let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
    let store = PostgresStore::builder(pool.clone()).schema(&fixture.0.name).build().await.unwrap();
    (Inbox::with(fixture, pool, Idempotency::builder().store(store)), proxy)
}

fn is_unavailable(told: &Settled) -> bool {
    matches!(told, Err(OnceError::Unavailable { retry_after }) if !retry_after.is_zero())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_told_as_what_it_was() {
    let fixture = OnPostgres::new().await;
    let (it, proxy) = through_a_proxy(&fixture).await;
    for key in ["k", "l", "m"] {
        proxy.cut(Cut { text: COMMIT, how: How::After });
        let run = it.runs() + 1;
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::Ran(run));
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::Replayed(run));
    }
    assert_eq!((it.runs(), fixture.count().await), (3, 3));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_lost_on_its_way_keeps_nothing_and_the_next_call_runs() {
    let fixture = OnPostgres::new().await;
    let (it, proxy) = through_a_proxy(&fixture).await;
    proxy.cut(Cut { text: COMMIT, how: How::Before });
    let lost = it.settle("k", &[]).await;
    assert!(is_unavailable(&lost), "{lost:?}");
    assert_eq!(fixture.count().await, 0);
    assert_eq!(it.settle("k", &[]).await.unwrap(), Once::Ran(2));
    assert_eq!((it.runs(), fixture.count().await), (2, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_killed_keeps_nothing_and_the_steps_own_error_is_told() {
    let fixture = OnPostgres::new().await;
    let it = Inbox::new(&fixture).await;
    let dies = "SELECT pg_terminate_backend(pg_backend_pid())";
    for run in 1..=2 {
        let told = it.settle("k", &[dies]).await;
        assert!(matches!(told, Err(OnceError::Step(_))), "{told:?}");
        assert_eq!((it.runs(), fixture.count().await), (run, 0));
    }
    // A step that does not care is told that nothing was kept.
    let step = async |_, mut tx: IdempotentTx<Postgres>| {
        let run = it.add("k", &mut tx).await?;
        let _ = sqlx::query(dies).execute(&mut *tx).await;
        Ok(run)
    };
    let told = within(it.idempotency.once("settle", "k").run_in(step)).await;
    assert!(is_unavailable(&told), "{told:?}");
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(4), 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_that_is_checked_at_the_commit_keeps_nothing_and_is_told() {
    let fixture = OnPostgres::new().await;
    fixture.0.execute("ALTER TABLE {}.rows ADD UNIQUE (key) DEFERRABLE INITIALLY DEFERRED").await;
    let it = Inbox::new(&fixture).await;
    let twice = format!("INSERT INTO {} VALUES ('k')", fixture.rows());
    for run in 1..=2 {
        let told = it.settle("k", &[&twice]).await;
        let Err(OnceError::Transaction(TransactionFailure::Refused(error))) = told else {
            panic!("{told:?}")
        };
        let error = error.cause().downcast_ref::<sqlx::Error>().unwrap();
        assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
        assert_eq!((it.runs(), fixture.count().await), (run, 0));
    }
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(3), 1));
    fixture.clean().await;
}

/// Both read what the other is about to change, and one is refused at its commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_at_the_commit_is_for_a_later_try_and_keeps_nothing() {
    let fixture = OnPostgres::new().await;
    let (it, both) = (Inbox::new(&fixture).await, Barrier::new(2));
    let settle = async |key: &str| {
        let step = async |_, mut tx: IdempotentTx<Postgres>| {
            sqlx::query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").execute(&mut *tx).await?;
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {}", fixture.rows()));
            let _: i64 = sqlx::query_scalar(count).fetch_one(&mut *tx).await?;
            let run = it.add(key, &mut tx).await?;
            both.wait().await;
            Ok(run)
        };
        within(it.idempotency.once("settle", key).run_in(step)).await
    };
    let (one, other) = tokio::join!(settle("one"), settle("other"));
    let refused: Vec<_> = [&one, &other].into_iter().filter(|told| is_unavailable(told)).collect();
    assert_eq!(refused.len(), 1, "{one:?} {other:?}");
    assert_eq!(fixture.count().await, 1);
    for key in ["one", "other"] {
        assert!(matches!(it.settle(key, &[]).await, Ok(Once::Ran(3) | Once::Replayed(1 | 2))));
    }
    assert_eq!(fixture.count().await, 2);
    fixture.clean().await;
}
