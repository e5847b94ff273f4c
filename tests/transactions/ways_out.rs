//! Handlers whose transaction has ended before they have, in every way that a database or a handler
//! knows. Rows and record agree all the same.
//!
//! `WAYS_OUT=50 cargo test` tries each case 50 times.

use std::{env, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, PoolMode, PostgresStore};
use idempotent_tests::pgbouncer::{PgBouncer, TAKES_SQLX};
use sqlx::{PgPool, SqlitePool, postgres::PgPoolOptions};

use crate::{
    fixture::{Fixture, InPostgres, OnPostgres, OnSqlite, Setup},
    libraries::OnSeaOrm,
};

/// State that a way out leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    /// No row, and a key that is free.
    Nothing,
    /// The one row that the handler has committed, and a key whose outcome is unknown.
    Unknown,
}

/// Answers of handlers that have not noticed, or do not care.
const ENDINGS: [&str; 6] = ["201", "303", "409", "500", "503", "panic 201"];

/// Adds a row, and goes on where it can't.
const TRY: &str = "swallow:INSERT~INTO~{rows}~VALUES~('{key}')";

fn times() -> usize {
    env::var("WAYS_OUT").map_or(1, |times| times.parse().unwrap())
}

/// Takes a way out behind the first row, does what comes after, and ends in every way.
async fn leaves(it: &Setup<impl Fixture>, fixture: &impl Fixture, way: &str, after: &str, leaves: Leaves) {
    for (case, ending) in (0..times()).flat_map(|_| ENDINGS).enumerate() {
        let key = format!("k{}-{case}", it.handler.runs());
        let body = ["insert", way, after, ending].into_iter().filter(|words| !words.is_empty());
        let body = body.collect::<Vec<_>>().join(" ");
        let (rows, runs) = (fixture.count().await, it.handler.runs());
        for retry in [false, true] {
            let reply = it.ask(&key, &body).await;
            let added = fixture.count().await - rows;
            match (leaves, retry) {
                (Leaves::Nothing, _) => {
                    assert_eq!((reply.status, added), (500, 0), "{body}: {reply:?}");
                    assert_eq!(it.handler.runs() - runs, 1 + usize::from(retry), "{body}");
                }
                (Leaves::Unknown, false) => assert_eq!((reply.status, added), (500, 1), "{body}: {reply:?}"),
                (Leaves::Unknown, true) => {
                    assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{body}");
                    assert_eq!((added, it.handler.runs() - runs), (1, 1), "{body}");
                }
            }
        }
    }
    is_left_clean(it, fixture).await;
}

/// Connections that go back to the pool are as they came: of one nothing is left but its rows.
async fn is_left_clean(it: &Setup<impl Fixture>, fixture: &impl Fixture) {
    let rows = fixture.count().await;
    for round in 0..8 {
        let key = format!("clean{}-{round}", it.handler.runs());
        let reply = it.ask(&key, "insert 201").await;
        assert_eq!((reply.status, fixture.count().await - rows), (201, round + 1), "{reply:?}");
    }
}

/// Ways in which SQLite ends a transaction by itself, or is told to.
const ROLLED_BACK_ON_SQLITE: [&str; 6] = [
    "ROLLBACK",
    "swallow:INSERT~INTO~once~VALUES~('taken')",
    "swallow:INSERT~OR~ROLLBACK~INTO~plain~VALUES~('taken')",
    "swallow:INSERT~INTO~plain~VALUES~('thrown')",
    "PRAGMA~max_page_count=1 swallow:INSERT~INTO~{rows}~VALUES~(hex(zeroblob(1000000))) PRAGMA~max_page_count=100000",
    "SAVEPOINT~a ROLLBACK",
];

const TABLES: &str = "CREATE TABLE once (key text PRIMARY KEY ON CONFLICT ROLLBACK); \
     INSERT INTO once VALUES ('taken'); \
     CREATE TABLE plain (key text PRIMARY KEY); INSERT INTO plain VALUES ('taken'); \
     CREATE TRIGGER thrown BEFORE INSERT ON plain WHEN new.key = 'thrown' \
     BEGIN SELECT RAISE(ROLLBACK, 'thrown'); END";

/// Statements of a handler that has not noticed that its transaction has ended.
fn afterwards() -> [String; 5] {
    [
        String::new(),
        TRY.to_owned(),
        format!("swallow:BEGIN {TRY}"),
        format!("swallow:BEGIN {TRY} swallow:COMMIT"),
        format!("swallow:SAVEPOINT~a {TRY} swallow:RELEASE~a {TRY}"),
    ]
}

async fn on_sqlite() -> (OnSqlite, Setup<OnSqlite>) {
    let fixture = OnSqlite::new().await;
    let pool: SqlitePool = fixture.pool(1);
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    let it = Setup::new(&fixture).await;
    (fixture, it)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_has_rolled_back_keeps_nothing_and_nothing_that_follows_either() {
    let (fixture, it) = on_sqlite().await;
    for way in ROLLED_BACK_ON_SQLITE {
        for after in afterwards() {
            leaves(&it, &fixture, way, &after, Leaves::Nothing).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_commits_on_sqlite_stands_and_nothing_that_follows_does() {
    let (fixture, it) = on_sqlite().await;
    for way in ["COMMIT", "END", "SAVEPOINT~a COMMIT"] {
        for after in afterwards() {
            leaves(&it, &fixture, way, &after, Leaves::Unknown).await;
        }
    }
}

mod on_postgres_only {
    use super::*;

    on_postgres!(
        what_a_handler_rolls_back_on_postgres_keeps_nothing,
        what_a_handler_commits_on_postgres_stands_and_is_not_committed_with_what_follows,
        a_transaction_that_is_left_behind_on_postgres_leaves_an_unknown_outcome,
    );
}

async fn what_a_handler_rolls_back_on_postgres_keeps_nothing(fixture: &impl InPostgres) {
    let it = Setup::new(fixture).await;
    for way in
        ["ROLLBACK", "ABORT", "ROLLBACK~AND~CHAIN", "swallow:SELECT~1/0 ROLLBACK", "SAVEPOINT~a ROLLBACK"]
    {
        leaves(&it, fixture, way, "", Leaves::Nothing).await;
        leaves(&it, fixture, way, "SELECT~1", Leaves::Nothing).await;
        leaves(&it, fixture, way, &format!("BEGIN {TRY}"), Leaves::Nothing).await;
    }
}

async fn what_a_handler_commits_on_postgres_stands_and_is_not_committed_with_what_follows(
    fixture: &impl InPostgres,
) {
    let it = Setup::new(fixture).await;
    for way in ["COMMIT", "END", "COMMIT~AND~CHAIN", "SAVEPOINT~a COMMIT"] {
        leaves(&it, fixture, way, "", Leaves::Unknown).await;
        leaves(&it, fixture, way, "SELECT~1", Leaves::Unknown).await;
        leaves(&it, fixture, way, &format!("swallow:BEGIN {TRY}"), Leaves::Unknown).await;
        leaves(&it, fixture, way, "swallow:BEGIN swallow:SELECT~1/0", Leaves::Unknown).await;
        leaves(&it, fixture, way, "swallow:BEGIN swallow:ROLLBACK", Leaves::Unknown).await;
    }
}

on_all! {
    savepoints_of_the_handlers_own_are_within_its_transaction,
    a_key_whose_handler_has_committed_is_told_from_another_request,
    a_duplicate_that_waits_for_a_handler_that_commits_is_told_that_the_outcome_is_unknown,
}

mod counted {
    use super::a_transaction_inside_that_is_left_open_keeps_nothing_and_the_key_is_free;

    on_both!(a_transaction_inside_that_is_left_open_keeps_nothing_and_the_key_is_free);
    on!(
        on_diesel,
        crate::libraries::OnDiesel,
        a_transaction_inside_that_is_left_open_keeps_nothing_and_the_key_is_free,
    );
}

mod not_counted {
    use super::a_transaction_inside_that_is_left_open_commits_with_the_rest;

    on!(on_sea_orm, crate::libraries::OnSeaOrm, a_transaction_inside_that_is_left_open_commits_with_the_rest,);
    on!(
        on_tokio_postgres,
        crate::libraries::OnTokioPostgres,
        a_transaction_inside_that_is_left_open_commits_with_the_rest,
    );
}

async fn savepoints_of_the_handlers_own_are_within_its_transaction(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    let deeds = "SAVEPOINT~a insert ROLLBACK~TO~a insert SAVEPOINT~b insert RELEASE~a 201";
    for replay in [false, true] {
        let reply = it.ask("k", deeds).await;
        assert_eq!((reply.status, reply.is_replay(), fixture.count().await), (201, replay, 2), "{reply:?}");
    }
    let left_open = "SAVEPOINT~a insert SAVEPOINT~b insert 201";
    assert_eq!((it.ask("l", left_open).await.status, fixture.count().await), (201, 4));
}

async fn a_transaction_inside_that_is_left_open_commits_with_the_rest(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    for (key, ending, status) in [("a", "422", 422), ("b", "500", 500)] {
        let reply = it.ask(key, &format!("insert open insert {ending}")).await;
        assert_eq!((reply.status, fixture.count().await), (status, 0), "{reply:?}");
    }
    for replay in [false, true] {
        let reply = it.ask("c", "insert open insert 201").await;
        assert_eq!((reply.status, reply.is_replay(), fixture.count().await), (201, replay, 2), "{reply:?}");
    }
    is_left_clean(&it, fixture).await;
}

/// By the library's own means, and not by a text.
async fn a_transaction_inside_that_is_left_open_keeps_nothing_and_the_key_is_free(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    for (key, ending) in [("a", "201"), ("b", "insert 201"), ("c", "422"), ("d", "500")] {
        let body = format!("insert open {ending}");
        let expected = if ending == "422" { 422 } else { 500 };
        for _ in 1..=2 {
            let reply = it.ask(key, &body).await;
            assert_eq!((reply.status, fixture.count().await), (expected, 0), "{body}: {reply:?}");
        }
    }
}

async fn a_key_whose_handler_has_committed_is_told_from_another_request(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    assert_eq!(it.ask("k", "insert COMMIT 201").await.status, 500);
    assert_eq!(it.ask("k", "insert COMMIT 202").await.code(), "key_reused");
    assert_eq!(it.ask("k", "insert COMMIT 201").await.code(), "outcome_unknown");
    assert_eq!(fixture.count().await, 1);
}

async fn a_duplicate_that_waits_for_a_handler_that_commits_is_told_that_the_outcome_is_unknown(
    fixture: &impl Fixture,
) {
    let it = Setup::new(fixture).await;
    let deeds = "insert COMMIT wait 201";
    let (first, duplicate, ()) = tokio::join!(it.ask("k", deeds), it.ask("k", deeds), async {
        it.handler.began().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        it.handler.let_one_through();
    });
    let mut statuses = [first.status, duplicate.status];
    statuses.sort_unstable();
    assert_eq!((statuses, fixture.count().await, it.handler.runs()), ([409, 500], 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_left_behind_on_sqlite_cannot_be_committed_any_more() {
    let fixture = OnSqlite::new().await;
    let it = Setup::new(&fixture).await;
    for (key, body) in [("a", "insert linger 201"), ("b", "insert linger:COMMIT 201")] {
        for run in 1..=2 {
            let runs = it.handler.runs();
            assert_eq!(it.ask(key, body).await.status, 500, "{body}, {run}");
            does_the_last(&it).await;
            assert_eq!((it.handler.runs() - runs, fixture.count().await), (1, 0), "{body}, {run}");
        }
    }
}

/// Nobody else can keep a session of PostgreSQL's from committing.
async fn a_transaction_that_is_left_behind_on_postgres_leaves_an_unknown_outcome(fixture: &impl InPostgres) {
    let it = Setup::new(fixture).await;
    for (last, rows) in [("", 0), (":COMMIT", 1), (":ROLLBACK", 0)] {
        for ending in ENDINGS {
            let body = format!("insert linger{last} {ending}");
            let key = body.replace(' ', "-");
            let (before, runs) = (fixture.count().await, it.handler.runs());
            assert_eq!(it.ask(&key, &body).await.status, 500, "{body}");
            let meanwhile = it.ask(&key, &body).await;
            does_the_last(&it).await;
            for retry in [meanwhile, it.ask(&key, &body).await] {
                assert_eq!((retry.status, retry.code().as_str()), (409, "outcome_unknown"), "{body}");
            }
            assert_eq!((it.handler.runs() - runs, fixture.count().await - before), (1, rows), "{body}");
        }
    }
}

/// Lets what a handler has left behind do its last statement.
async fn does_the_last(it: &Setup<impl Fixture>) {
    it.handler.let_one_through();
    // Once before its last statement and once behind it.
    it.handler.began().await;
    it.handler.began().await;
    it.handler.let_one_through();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_another_session_may_have_answered_leaves_an_unknown_outcome() {
    let fixture = OnPostgres::new().await;
    let pool = fixture.pool(4);
    let store = PostgresStore::builder(pool.clone()).schema(&fixture.0.name).pool_mode(PoolMode::Transaction);
    let store = store.build().await.unwrap();
    let it = Setup::with(&fixture, pool, Idempotency::builder().store(store)).await;
    assert_eq!(it.ask("k", "insert ROLLBACK 201").await.status, 500);
    assert_eq!(it.ask("k", "insert ROLLBACK 201").await.code(), "outcome_unknown");
    // What has only failed is told from it.
    assert_eq!(it.ask("l", "insert swallow:SELECT~1/0 409").await.status, 409);
    assert!(it.ask("l", "insert swallow:SELECT~1/0 409").await.is_replay());
    assert_eq!((it.ask("m", "insert 201").await.status, fixture.count().await), (201, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_commits_with_sqlx_behind_a_pooler_stands_and_its_key_is_not_free() {
    let (fixture, _pooler, it) =
        what_a_handler_commits_behind_a_pooler_stands_and_its_key_is_not_free(|on_postgres| on_postgres)
            .await;
    // What has only failed is told from it.
    assert_eq!(it.ask("failed", "insert swallow:SELECT~1/0 409").await.status, 409);
    assert!(it.ask("failed", "insert swallow:SELECT~1/0 409").await.is_replay());
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_commits_with_sea_orm_behind_a_pooler_stands_and_its_key_is_not_free() {
    // SeaORM names its statements, and this pooler does not know the names.
    let (fixture, _pooler, _) =
        what_a_handler_commits_behind_a_pooler_stands_and_its_key_is_not_free(OnSeaOrm).await;
    fixture.clean().await;
}

/// The pooler gives each statement outside a transaction another session than the one before.
async fn what_a_handler_commits_behind_a_pooler_stands_and_its_key_is_not_free<
    P: Fixture<Pool: From<PgPool>>,
>(
    library: impl FnOnce(OnPostgres) -> P,
) -> (P, PgBouncer, Setup<P>) {
    let fixture = OnPostgres::new().await;
    let in_turn = ["pool_mode = transaction", "default_pool_size = 5", "server_round_robin = 1", TAKES_SQLX];
    let pooler = PgBouncer::start(fixture.0.options(), &in_turn).await;
    let options = pooler.options().statement_cache_capacity(0);
    let pool = PgPoolOptions::new().max_connections(8).connect_lazy_with(options);
    let fixture = library(fixture);
    let store = fixture.store(pool.clone().into()).await;
    let it = Setup::with(&fixture, pool.clone().into(), Idempotency::builder().store(store)).await;
    // All sessions of the pooler are open.
    join_all((0..5).map(|_| sqlx::raw_sql("SELECT pg_sleep(0.1)").execute(&pool))).await;
    for way in ["COMMIT", "COMMIT BEGIN"] {
        for (case, ending) in ["201", "409", "500"].into_iter().enumerate() {
            let (key, rows) = (format!("{way}-{case}").replace(' ', "-"), fixture.count().await);
            let body = format!("insert {way} {ending}");
            assert_eq!(it.ask(&key, &body).await.status, 500, "{body}");
            let retry = it.ask(&key, &body).await;
            assert_eq!((retry.status, retry.code().as_str()), (409, "outcome_unknown"), "{body}");
            assert_eq!(fixture.count().await - rows, 1, "{body}");
        }
    }
    (fixture, pooler, it)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_postgres_keeps_no_setting_of_a_transaction_that_was_on_it() {
    let fixture = OnPostgres::new().await;
    let pool = fixture.pool(1);
    let store = fixture.store(pool.clone()).await;
    let it = Setup::with(&fixture, pool, Idempotency::builder().store(store)).await;
    for (deeds, status) in [("insert 201", 201), ("insert 422", 422), ("insert 500", 500)] {
        assert_eq!(it.ask(&format!("k{status}"), deeds).await.status, status);
        let settings = "SELECT count(*) FROM pg_settings WHERE source = 'session'";
        let mark = "SELECT coalesce(current_setting('idempotent.transaction', true), '')";
        let set: i64 = sqlx::query_scalar(settings).fetch_one(&it.pool).await.unwrap();
        let mark: String = sqlx::query_scalar(mark).fetch_one(&it.pool).await.unwrap();
        assert_eq!((mark.as_str(), set), ("", session_settings(&fixture).await), "{deeds}");
    }
    fixture.clean().await;
}

/// Number of settings in a session that nobody has used yet.
async fn session_settings(fixture: &OnPostgres) -> i64 {
    let fresh = fixture.0.pool(2);
    let settings = "SELECT count(*) FROM pg_settings WHERE source = 'session'";
    sqlx::query_scalar(settings).fetch_one(&fresh).await.unwrap()
}
