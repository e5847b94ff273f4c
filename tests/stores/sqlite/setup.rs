//! Setting up: what is refused, what is migrated, and by how many at once.

use idempotent_runtime::{SetupError, SqliteStore, Store, store::Claim};
use idempotent_tests::Scratch;
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

use super::{claim, hold, open, pool, retry};

fn why(refused: Result<SqliteStore, SetupError>) -> String {
    let error = refused.expect_err("a store that should have been refused");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_stores_create_one_file_at_once() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let opening: Vec<_> = (0..10)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqliteStore::open(path).await })
        })
        .collect();
    let request = hold();
    let mut won = 0;
    for opened in opening {
        let store = opened.await.unwrap().unwrap();
        won += usize::from(store.claim(claim(retry(request))).await.unwrap() == Claim::Won { attempt: 1 });
    }
    assert_eq!(won, 1);
    let row = sqlx::query("SELECT count(*) FROM idempotency_keys_schema").fetch_one(&pool(&path).await).await;
    assert_eq!(row.unwrap().get::<i64, _>(0), 1);
}

#[tokio::test]
async fn a_pool_of_one_connection_is_left_to_the_application() {
    let scratch = Scratch::new();
    let options = SqliteConnectOptions::new().filename(scratch.file("app.db")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = SqliteStore::new(pool.clone()).await.unwrap();
    let held = pool.acquire().await.unwrap();
    assert_eq!(store.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
    drop(held);
    pool.acquire().await.unwrap();
}

#[tokio::test]
async fn what_is_printed_of_the_settings_holds_no_key_of_an_encrypted_file() {
    let options = SqliteConnectOptions::new().filename("keys.db").pragma("key", "'n0t-told'");
    let builder = SqliteStore::builder(SqlitePool::connect_lazy_with(options)).table("shop_keys");
    let printed = format!("{builder:?}");
    assert!(!printed.contains("n0t-told"), "{printed}");
    assert!(printed.contains("keys.db") && printed.contains("shop_keys"), "{printed}");
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    assert!(why(SqliteStore::new(pool).await).contains("use a file, or MemoryStore"));
    assert!(why(SqliteStore::open("sqlite::memory:").await).contains("use a file, or MemoryStore"));
}

#[tokio::test]
async fn a_pool_that_does_not_sync_is_refused() {
    let scratch = Scratch::new();
    let options = SqliteConnectOptions::new()
        .filename(scratch.file("keys.db"))
        .create_if_missing(true)
        .synchronous(SqliteSynchronous::Off);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    assert!(why(SqliteStore::new(pool).await).contains("use NORMAL, FULL or EXTRA"));
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    drop(open(&path).await);
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let why = why(SqliteStore::new(pool).await);
    assert!(why.contains("attempt to write a readonly database"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    std::fs::write(&path, "no database, but longer than the sixteen bytes that begin one ".repeat(80))
        .unwrap();
    let why = why(SqliteStore::open(&path).await);
    assert!(why.contains("file is not a database"), "{why}");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error() {
    let scratch = Scratch::new();
    let why = why(SqliteStore::open(scratch.file("missing/keys.db")).await);
    assert!(why.contains("unable to open database file"), "{why}");
}

#[tokio::test]
async fn a_url_opens_the_same_file_as_its_path() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let request = hold();
    let by_url = SqliteStore::open(format!("sqlite://{}", path.display())).await.unwrap();
    assert_eq!(by_url.claim(claim(request)).await.unwrap(), Claim::Won { attempt: 1 });
    let found = open(&path).await.claim(claim(retry(request))).await.unwrap();
    assert!(matches!(found, Claim::InFlight { .. }), "{found:?}");
}

#[tokio::test]
async fn a_schema_that_is_missing_is_refused_where_it_is_not_to_be_migrated() {
    let scratch = Scratch::new();
    let pool = pool(&scratch.file("keys.db")).await;
    let builder = || SqliteStore::builder(pool.clone()).table("shop_keys").migrate_at_start(false);
    let refused = builder().build().await;
    assert!(matches!(refused, Err(SetupError::Schema { found: 0, wanted: 1, .. })), "{refused:?}");
    builder().migrate().await.unwrap();
    builder().migrate().await.unwrap();
    let store = builder().build().await.unwrap();
    assert_eq!(store.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused() {
    let scratch = Scratch::new();
    let pool = pool(&scratch.file("keys.db")).await;
    drop(SqliteStore::new(pool.clone()).await.unwrap());
    sqlx::query("UPDATE idempotency_keys_schema SET version = 2").execute(&pool).await.unwrap();
    for migrate in [true, false] {
        let refused = SqliteStore::builder(pool.clone()).migrate_at_start(migrate).build().await;
        assert!(matches!(refused, Err(SetupError::Schema { found: 2, wanted: 1, .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_a_table_is_refused() {
    let scratch = Scratch::new();
    let pool = pool(&scratch.file("keys.db")).await;
    for name in ["", "1keys", "Keys", "keys; DROP TABLE x", "keys\""] {
        let refused = SqliteStore::builder(pool.clone()).table(name).build().await;
        assert!(matches!(refused, Err(SetupError::Name { what: "table", .. })), "{refused:?}");
    }
    // Words of SQL are names like any other.
    SqliteStore::builder(pool).table("select").build().await.unwrap();
}
