//! Setup of the store, and what it needs for that.

use std::time::Duration;

use idempotent_runtime::{PostgresStore, SetupError, store::Claim};
use idempotent_tests::postgres::{Schema, url};
use sqlx::{
    AssertSqlSafe,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{task::JoinSet, time::timeout};

use super::{WON, claim, complete, hold, is_replay, retry};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_nodes_migrate_at_once() {
    for _ in 0..5 {
        let schema = Schema::new().await;
        let mut nodes = JoinSet::new();
        for _ in 0..10 {
            nodes.spawn(schema.builder().build());
        }
        let stores: Vec<_> = nodes.join_all().await.into_iter().map(Result::unwrap).collect();
        assert_eq!(schema.number("SELECT count(*) FROM {}.keys_versions").await, 1);
        let owner = hold();
        assert_eq!(claim(&stores[0], owner).await.unwrap(), WON);
        complete(&stores[9], owner).await.unwrap();
        is_replay(&claim(&stores[5], retry(owner)).await.unwrap(), owner);
        schema.drop().await;
    }
}

#[tokio::test]
async fn a_missing_schema_is_an_error_where_migrations_are_a_step_of_their_own() {
    let schema = Schema::new().await;
    let error = schema.builder().migrate_at_start(false).build().await.unwrap_err();
    assert!(matches!(error, SetupError::Schema { found: 0, wanted: 1, .. }), "{error}");
    schema.builder().migrate().await.unwrap();
    schema.builder().migrate().await.unwrap();
    let store = schema.builder().migrate_at_start(false).build().await.unwrap();
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    schema.drop().await;
}

#[tokio::test]
async fn the_schema_of_a_newer_release_is_an_error_that_says_so() {
    let schema = Schema::new().await;
    schema.builder().migrate().await.unwrap();
    schema.execute("INSERT INTO {}.keys_versions (version) VALUES (2)").await;
    for migrates in [true, false] {
        let error = schema.builder().migrate_at_start(migrates).build().await.unwrap_err();
        assert!(matches!(error, SetupError::Schema { found: 2, wanted: 1, .. }), "{error}");
        assert!(error.to_string().contains("newer release"), "{error}");
    }
    schema.drop().await;
}

#[tokio::test]
async fn two_tables_of_one_schema_hold_different_keys() {
    let schema = Schema::new().await;
    let first = schema.store().await;
    let second = schema.builder().table("others").build().await.unwrap();
    let owner = hold();
    assert_eq!(claim(&first, owner).await.unwrap(), WON);
    assert_eq!(claim(&second, retry(owner)).await.unwrap(), WON);
    schema.drop().await;
}

#[tokio::test]
async fn names_that_are_none_are_errors() {
    let schema = Schema::new().await;
    for name in ["", "Keys", "a b", "keys;drop", "1st", "\"keys\""] {
        let error = schema.builder().table(name).build().await.unwrap_err();
        assert!(matches!(error, SetupError::Name { what: "table", .. }), "{error}");
        let error = schema.builder().schema(name).migrate().await.unwrap_err();
        assert!(matches!(error, SetupError::Name { what: "schema", .. }), "{error}");
    }
}

#[tokio::test]
async fn words_of_sql_are_names_like_any_other() {
    let schema = Schema::new().await;
    // A database of its own, since a schema's name is shared by all who use the server.
    let database = format!("{}_words", schema.name);
    schema.execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await;
    schema.execute(&format!("CREATE DATABASE {database}")).await;
    for (name, table) in [("select", "order"), ("user", "table")] {
        let pool = PgPoolOptions::new().connect_lazy_with(schema.options().database(&database));
        let store = PostgresStore::builder(pool).schema(name).table(table).build().await.unwrap();
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        complete(&store, owner).await.unwrap();
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
        assert_eq!(store.sweep().await.unwrap(), 0);
    }
    schema.execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_errors() {
    let schema = Schema::new().await;
    let error = schema.builder().connections(0).build().await.unwrap_err();
    assert!(matches!(error, SetupError::Setting { .. }), "{error}");
    let error = schema.builder().sweep_every(Duration::ZERO).build().await.unwrap_err();
    assert!(matches!(error, SetupError::Setting { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_within_seconds() {
    let connecting = PostgresStore::connect("postgres://postgres@127.0.0.1:1/postgres");
    let error = timeout(Duration::from_secs(5), connecting).await.unwrap().unwrap_err();
    assert!(matches!(error, SetupError::Unreachable { store: "postgres", .. }), "{error}");
    let error = PostgresStore::connect("not a url").await.unwrap_err();
    assert!(matches!(error, SetupError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_pool_whose_one_connection_is_taken_starves_no_call() {
    let schema = Schema::new().await;
    let pool = schema.pool(1);
    let store = PostgresStore::builder(pool.clone()).schema(&schema.name).build().await.unwrap();
    let _taken = pool.acquire().await.unwrap();
    let owner = hold();
    let all = async {
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        assert!(matches!(claim(&store, retry(owner)).await.unwrap(), Claim::InFlight { .. }));
        complete(&store, owner).await.unwrap();
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    };
    timeout(Duration::from_secs(5), all).await.expect("no call waits for the pool");
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_are_decided_whatever_isolation_the_database_is_set_to() {
    for isolation in ["repeatable read", "serializable"] {
        let schema = Schema::new().await;
        let options: PgConnectOptions = url().parse().unwrap();
        let options = options.options([("default_transaction_isolation", isolation)]);
        let pool = PgPoolOptions::new().connect_lazy_with(options);
        let default: String =
            sqlx::query_scalar("SHOW default_transaction_isolation").fetch_one(&pool).await.unwrap();
        assert_eq!(default, isolation);
        let store = PostgresStore::builder(pool).schema(&schema.name).build().await.unwrap();
        for _ in 0..50 {
            let owner = hold();
            let mut racers = JoinSet::new();
            for _ in 0..16 {
                let store = store.clone();
                racers.spawn(async move { claim(&store, retry(owner)).await.unwrap() });
            }
            let claims = racers.join_all().await;
            assert_eq!(claims.iter().filter(|claim| **claim == WON).count(), 1, "{claims:?}");
        }
        schema.drop().await;
    }
}

#[tokio::test]
async fn the_functions_refuse_another_isolation() {
    let schema = Schema::new().await;
    schema.builder().migrate().await.unwrap();
    let pool = schema.pool(1);
    let many = "keys_calls('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', NULL, true)";
    let alone = "keys_alone('look', '', '', '', 0, 0, false, '', true)";
    for call in [many, alone] {
        let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        let call = AssertSqlSafe(format!("SELECT * FROM {}.{call}", schema.name));
        let error = sqlx::raw_sql(call).execute(&mut *transaction).await.unwrap_err();
        assert!(error.to_string().contains("READ COMMITTED only, not REPEATABLE READ"), "{error}");
    }
    schema.drop().await;
}
