//! The tests leave nothing behind on the servers they share.

use idempotent_tests::{
    redis_server::connection,
    space::Space,
    stores::{database_url, redis_url},
};
use redis::AsyncCommands;
use sqlx::{Connection, PgConnection};

/// Name that a run of long ago would have been given.
const STALE: &str = "idempotent_test_1000_1_1";

async fn schemas(connection: &mut PgConnection, name: &str) -> i64 {
    let count = "SELECT count(*) FROM pg_namespace WHERE nspname = $1";
    sqlx::query_scalar(count).bind(name).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_schema_of_a_test_ends_with_it_and_that_of_a_killed_one_an_hour_later() {
    let mut connection = PgConnection::connect(&database_url()).await.unwrap();
    let space = Space::at(&database_url());
    let name = space.name().to_owned();
    let made =
        format!("CREATE SCHEMA {name}; CREATE SCHEMA IF NOT EXISTS {STALE}; CREATE TABLE {name}.keys ()");
    sqlx::raw_sql(sqlx::AssertSqlSafe(made)).execute(&mut connection).await.unwrap();
    Space::sweep(&database_url());
    assert_eq!(schemas(&mut connection, STALE).await, 0);
    assert_eq!(schemas(&mut connection, &name).await, 1);
    drop(space);
    assert_eq!(schemas(&mut connection, &name).await, 0);
}

#[tokio::test]
async fn the_keys_of_a_test_end_with_it_and_those_of_a_killed_one_an_hour_later() {
    let mut connection = connection(&redis_url()).await.unwrap();
    let space = Space::at(&redis_url());
    let (stale, own) = (format!("{STALE}:key"), format!("{}:key", space.name()));
    connection.mset::<_, _, ()>(&[(&stale, 1), (&own, 1)]).await.unwrap();
    Space::sweep(&redis_url());
    assert!(!connection.exists::<_, bool>(&stale).await.unwrap());
    assert!(connection.exists::<_, bool>(&own).await.unwrap());
    drop(space);
    assert!(!connection.exists::<_, bool>(&own).await.unwrap());
}
