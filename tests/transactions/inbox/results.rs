//! Fate of the rows, the value and the key, by what the step returns.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    CheckpointError, CheckpointFailure, Idempotency, IdempotentTx, MemoryStore, Once, OnceError,
    TransactionErrorKind, TransactionFailure,
};
use idempotent_tests::lent::Lent;
use sqlx::{Postgres, Sqlite};
use tokio::time::sleep;

use super::fixture::Inbox;
use crate::fixture::{Fixture, OnPostgres, OnSqlite, within};

on_all! {
    row_and_value_commit_together_and_the_value_is_replayed,
    an_error_takes_the_row_back_and_frees_the_key,
}

mod on_sqlx {
    use super::*;

    on_both! {
    a_value_that_is_not_kept_keeps_its_row_and_the_step_does_not_run_again,
    of_sixteen_racers_at_two_nodes_one_runs_each_step_and_all_have_its_value,
    whoever_waits_holds_no_connection,
    a_step_may_be_spawned_on_any_runtime,
    }
}

async fn row_and_value_commit_together_and_the_value_is_replayed(fixture: &impl Fixture) {
    let it = Inbox::new(fixture).await;
    assert_eq!(it.settle("k", &[]).await.unwrap(), Once::Ran(1));
    for _ in 0..2 {
        assert_eq!(it.settle("k", &[]).await.unwrap(), Once::Replayed(1));
    }
    assert_eq!(it.settle("l", &[]).await.unwrap(), Once::Ran(2));
    assert_eq!((it.runs(), fixture.count().await), (2, 2));
    let other = Inbox::new(fixture).await;
    assert_eq!(other.settle("k", &[]).await.unwrap(), Once::Replayed(1));
    it.all_are_back().await;
}

async fn an_error_takes_the_row_back_and_frees_the_key(fixture: &impl Fixture) {
    let it = Inbox::new(fixture).await;
    for run in 1..=2 {
        let declined = it.settle("k", &["not a statement"]).await;
        let Err(OnceError::Step(error)) = &declined else { panic!("{declined:?}") };
        assert_eq!(error.kind(), TransactionErrorKind::Refused, "{error:?}");
        assert_eq!((it.runs(), fixture.count().await), (run, 0));
    }
    assert_eq!(it.settle("k", &[]).await.unwrap(), Once::Ran(3));
    it.all_are_back().await;
}

async fn a_value_that_is_not_kept_keeps_its_row_and_the_step_does_not_run_again<P: Fixture>(fixture: &P) {
    let pool = fixture.pool(4);
    let builder = Idempotency::builder().store(fixture.store(pool.clone()).await).max_response_body(8);
    let it = Inbox::with(fixture, pool, builder);
    for _ in 0..2 {
        let step = async |_, mut tx: IdempotentTx<P::Database>| {
            it.add("k", &mut tx).await.map(|_| "longer than that".to_owned())
        };
        let told = it.idempotency.once("settle", "k").run_in(step).await.unwrap();
        assert_eq!((told, it.runs(), fixture.count().await), (Once::NotStored, 1, 1));
    }
    let step = async |_, mut tx: IdempotentTx<P::Database>| {
        it.add("l", &mut tx).await.map(|_| HashMap::from([((1, 2), 3)]))
    };
    let told = it.idempotency.once("settle", "l").run_in(step).await;
    assert!(matches!(told, Err(OnceError::Value(_))), "{told:?}");
    let told = it.idempotency.once("settle", "l").run_in(step).await.unwrap();
    assert_eq!((told, it.runs(), fixture.count().await), (Once::NotStored, 2, 2));
}

async fn of_sixteen_racers_at_two_nodes_one_runs_each_step_and_all_have_its_value(fixture: &impl Fixture) {
    const KEYS: u32 = 20;
    let nodes = [Inbox::new(fixture).await, Inbox::new(fixture).await];
    let keys: Vec<_> = (0..KEYS).map(|key| format!("k{key}")).collect();
    let race = async |key: &String| {
        let told = join_all((0..16).map(|racer| nodes[racer % 2].settle(key, &[]))).await;
        let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
        let ran: Vec<_> = told.iter().filter(|told| matches!(told, Once::Ran(_))).collect();
        let [Once::Ran(run)] = ran[..] else { panic!("{key}: {told:?}") };
        assert_eq!(told.iter().filter(|told| **told == Once::Replayed(*run)).count(), 15, "{key}: {told:?}");
    };
    join_all(keys.iter().map(race)).await;
    assert_eq!(nodes[0].runs() + nodes[1].runs(), KEYS);
    assert_eq!(fixture.count().await, i64::from(KEYS));
}

async fn whoever_waits_holds_no_connection<P: Fixture>(fixture: &P) {
    let it = Inbox::new(fixture).await;
    let call = || {
        it.idempotency.once("settle", "k").run_in(async |_, mut tx: IdempotentTx<P::Database>| {
            sleep(Duration::from_millis(100)).await;
            it.add("k", &mut tx).await
        })
    };
    let told = join_all((0..100).map(|_| call())).await;
    assert!(told.iter().all(|told| matches!(told, Ok(Once::Ran(1) | Once::Replayed(1)))), "{told:?}");
    assert_eq!((P::connections(&it.pool).1, it.runs(), fixture.count().await), (1, 1, 1));
}

async fn a_step_may_be_spawned_on_any_runtime<P: Fixture>(fixture: &P) {
    let store = fixture.store(fixture.pool(4)).await;
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let calls = (0..8).map(|key| {
        let call = idempotency.once("settle", format!("k{}", key % 4));
        let insert = format!("INSERT INTO {} VALUES ('k')", fixture.rows());
        tokio::spawn(call.run_in(async move |_, mut tx: IdempotentTx<P::Database>| {
            P::Database::text(&mut tx, insert).await
        }))
    });
    for told in join_all(calls).await {
        assert!(matches!(told.unwrap(), Ok(Once::Ran(()) | Once::Replayed(()))));
    }
    assert_eq!(fixture.count().await, 4);
}

/// A step that must not run, which asks for a transaction of PostgreSQL or of SQLite.
macro_rules! refused {
    ($idempotency:expr, $database:ty) => {
        $idempotency
            .once("settle", "k")
            .run_in(async |_, _: IdempotentTx<$database>| -> sqlx::Result<()> { panic!("it is not run") })
    };
}

#[tokio::test]
async fn a_store_without_transactions_of_the_steps_database_runs_nothing() {
    let memory = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    let told = refused!(memory, Sqlite).await;
    assert!(matches!(told, Err(OnceError::Transaction(TransactionFailure::NotOffered))), "{told:?}");
    let fixture = OnSqlite::new().await;
    let it = Inbox::new(&fixture).await;
    let told = refused!(it.idempotency, Postgres).await;
    assert!(matches!(told, Err(OnceError::Transaction(TransactionFailure::NotOffered))), "{told:?}");
    let why = told.unwrap_err().to_string();
    assert!(why.contains("has to be a store in that database"), "{why}");
    assert_eq!(it.settle("k", &[]).await.unwrap(), Once::Ran(1), "the key is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_kept_when_the_row_of_its_step_is_not() {
    let fixture = OnPostgres::new().await;
    let it = Inbox::new(&fixture).await;
    for attempt in 1..=3 {
        let step = async |context: idempotent_runtime::OnceContext, mut tx: IdempotentTx<Postgres>| {
            it.add("k", &mut tx).await.unwrap();
            let charge = async { Ok::<_, sqlx::Error>(it.runs()) };
            let charged = context.checkpoint("charge", charge).await.unwrap();
            if attempt < 3 { Err("declined") } else { Ok(charged) }
        };
        match within(it.idempotency.once("settle", "k").run_in(step)).await {
            Err(OnceError::Step("declined")) if attempt < 3 => assert_eq!(fixture.count().await, 0),
            told => assert_eq!((told.unwrap(), fixture.count().await), (Once::Ran(1), 1)),
        }
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_in_a_transaction_that_has_the_file_to_itself_is_an_error_at_once() {
    let fixture = OnSqlite::new().await;
    let it = Inbox::new(&fixture).await;
    let step = async |context: idempotent_runtime::OnceContext, _tx: IdempotentTx<Sqlite>| {
        context.checkpoint("charge", async { Ok::<_, ()>(1) }).await
    };
    let told = within(it.idempotency.once("settle", "k").run_in(step)).await;
    let failed = CheckpointError::<()>::Failed(CheckpointFailure::InTransaction);
    let Err(OnceError::Step(why)) = told else { panic!("{told:?}") };
    assert_eq!(format!("{why:?}"), format!("{failed:?}"));
}
