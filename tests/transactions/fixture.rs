//! A handler that does what its request says, in a transaction on whichever database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, web};
use idempotent_runtime::{
    Idempotency, IdempotencyBuilder, IdempotentTx, PostgresStore, PostgresStoreBuilder, SqliteStore, Store,
    TransactionError, idempotent,
};
use idempotent_tests::{
    Http1, Reply, Scratch, TestServer,
    lent::{Lent, plain_url},
    post,
    postgres::Schema,
};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, sqlite::SqliteConnectOptions};
use tokio::{sync::Semaphore, time::timeout};

/// Database of a test's rows and keys, with a store in it.
pub(crate) trait Fixture: Sized + Sync {
    type Database: Lent;
    type Pool: Clone + Send + Sync;

    async fn new() -> Self;
    /// A pool of at most so many connections.
    fn pool(&self, connections: u32) -> Self::Pool;
    /// Numbers of the pool's connections: of those that nobody has, and of all.
    fn connections(pool: &Self::Pool) -> (usize, usize);
    async fn store(&self, pool: Self::Pool) -> impl Store + Clone;
    /// The table of the handler's rows.
    fn rows(&self) -> String;
    /// Number of rows.
    async fn count(&self) -> i64;
    async fn clean(self);
}

pub(crate) struct OnPostgres(pub(crate) Schema);

impl OnPostgres {
    pub(crate) async fn on(schema: Schema) -> Self {
        schema.execute("CREATE SCHEMA {}; CREATE TABLE {}.rows (key text NOT NULL)").await;
        OnPostgres(schema)
    }

    /// Settings of a store at the URL of the database.
    pub(crate) fn at_its_url(&self) -> PostgresStoreBuilder {
        PostgresStore::at(&plain_url(&self.0.options())).unwrap().schema(&self.0.name)
    }
}

/// Fixture in PostgreSQL, whichever library its handlers write with.
pub(crate) trait InPostgres: Fixture {
    fn schema(&self) -> &Schema;
}

impl InPostgres for OnPostgres {
    fn schema(&self) -> &Schema {
        &self.0
    }
}

impl Fixture for OnPostgres {
    type Database = Postgres;
    type Pool = PgPool;

    async fn new() -> Self {
        Self::on(Schema::new().await).await
    }

    fn pool(&self, connections: u32) -> PgPool {
        self.0.pool(connections)
    }

    fn connections(pool: &PgPool) -> (usize, usize) {
        (pool.num_idle(), pool.size() as usize)
    }

    async fn store(&self, pool: PgPool) -> impl Store + Clone {
        PostgresStore::builder(pool).schema(&self.0.name).build().await.unwrap()
    }

    fn rows(&self) -> String {
        format!("{}.rows", self.0.name)
    }

    async fn count(&self) -> i64 {
        self.0.number("SELECT count(*) FROM {}.rows").await
    }

    async fn clean(self) {
        self.0.drop().await;
    }
}

pub(crate) struct OnSqlite(Scratch);

impl Fixture for OnSqlite {
    type Database = Sqlite;
    type Pool = SqlitePool;

    async fn new() -> Self {
        let fixture = OnSqlite(Scratch::new());
        sqlx::raw_sql("CREATE TABLE rows (key text NOT NULL)").execute(&fixture.pool(1)).await.unwrap();
        fixture
    }

    fn pool(&self, connections: u32) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.0.file("shop.db")).create_if_missing(true);
        sqlx::sqlite::SqlitePoolOptions::new().max_connections(connections).connect_lazy_with(options)
    }

    fn connections(pool: &SqlitePool) -> (usize, usize) {
        (pool.num_idle(), pool.size() as usize)
    }

    async fn store(&self, pool: SqlitePool) -> impl Store + Clone {
        SqliteStore::new(pool).await.unwrap()
    }

    fn rows(&self) -> String {
        "rows".to_owned()
    }

    async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM rows").fetch_one(&self.pool(1)).await.unwrap()
    }

    async fn clean(self) {}
}

/// State that the handler shares with its test.
#[derive(Clone)]
pub(crate) struct Handler(Arc<Shared>);

struct Shared {
    table: String,
    runs: AtomicUsize,
    began: Semaphore,
    open: Semaphore,
}

impl Handler {
    /// Number of times that the handler has begun.
    pub(crate) fn runs(&self) -> usize {
        self.0.runs.load(SeqCst)
    }

    /// Waits until one more has begun that waits to be let through.
    pub(crate) async fn began(&self) {
        within(self.0.began.acquire()).await.unwrap().forget();
    }

    pub(crate) fn let_one_through(&self) {
        self.0.open.add_permits(1);
    }

    fn sql(&self, word: &str, key: &str) -> String {
        word.replace('~', " ").replace("{rows}", &self.0.table).replace("{key}", key)
    }

    async fn wait(&self) {
        self.0.began.add_permits(1);
        self.0.open.acquire().await.unwrap().forget();
    }
}

/// Does what the body says, word by word, and answers with the status that is its last word.
///
/// `insert` adds a row with the key; `wait` waits to be let through; `panic` panics; `open` opens a
/// transaction inside the transaction and leaves it open; `linger` leaves the transaction behind,
/// and `linger:` runs the SQL that follows there before. Any other word is SQL, with `~` for each
/// space, `{rows}` for the table and `{key}` for the key: where it fails the handler answers so, or
/// goes on after `swallow:`.
#[idempotent(ttl = "24h", scope = "global", wait = "60s", transaction)]
async fn act<DB: Lent>(
    request: HttpRequest,
    body: String,
    mut tx: IdempotentTx<DB>,
    shared: web::Data<Handler>,
) -> Result<HttpResponse, TransactionError> {
    let run = shared.0.runs.fetch_add(1, SeqCst) + 1;
    let key = request.headers().get("idempotency-key").unwrap().to_str().unwrap();
    let (deeds, status) = body.rsplit_once(' ').unwrap();
    for deed in deeds.split(' ') {
        match deed {
            "insert" => {
                let insert = format!("INSERT INTO {} VALUES ('{key}')", shared.0.table);
                DB::text(&mut tx, insert).await?;
            }
            "wait" => shared.wait().await,
            "panic" => panic!("as it was told"),
            "open" => DB::open_inner(&mut tx).await?,
            left_behind if left_behind.starts_with("linger") => {
                let shared = shared.clone();
                let last = left_behind.strip_prefix("linger:").map(|last| shared.sql(last, key));
                actix_web::rt::spawn(async move {
                    shared.wait().await;
                    if let Some(last) = last {
                        let _ = DB::text(&mut tx, last).await;
                    }
                    drop(tx);
                    shared.wait().await;
                });
                break;
            }
            statement => {
                let sql = shared.sql(statement.trim_start_matches("swallow:"), key);
                let done = DB::text(&mut tx, sql).await;
                if !statement.starts_with("swallow:") {
                    done?;
                }
            }
        }
    }
    Ok(HttpResponse::build(status.parse().unwrap()).body(format!("run {run} of {key}")))
}

/// A server whose handler is [`act`], and what is needed to watch it.
pub(crate) struct Setup<P: Fixture> {
    pub(crate) pool: P::Pool,
    pub(crate) handler: Handler,
    pub(crate) server: TestServer,
}

impl<P: Fixture> Setup<P> {
    pub(crate) async fn new(fixture: &P) -> Self {
        let pool = fixture.pool(4);
        Self::with(fixture, pool.clone(), Idempotency::builder().store(fixture.store(pool).await)).await
    }

    pub(crate) async fn with(fixture: &P, pool: P::Pool, builder: IdempotencyBuilder) -> Self {
        let handler = Handler(Arc::new(Shared {
            table: fixture.rows(),
            runs: AtomicUsize::new(0),
            began: Semaphore::new(0),
            open: Semaphore::new(0),
        }));
        let (idempotency, data) = (builder.build().unwrap(), web::Data::new(handler.clone()));
        let server = TestServer::start(2, move |app| {
            let app = app.app_data(idempotency.clone()).app_data(data.clone());
            app.route("/act", web::post().to(act::<P::Database>));
        });
        Setup { pool, handler, server }
    }

    /// Numbers of the pool's connections: of those that nobody has, and of all.
    pub(crate) fn connections(&self) -> (usize, usize) {
        P::connections(&self.pool)
    }

    pub(crate) async fn ask(&self, key: &str, body: &str) -> Reply {
        within(Http1::once(self.server.address(), &keyed(key, body))).await
    }
}

pub(crate) fn keyed(key: &str, body: &str) -> Vec<u8> {
    post("/act", &[&format!("Idempotency-Key: {key}")], body.as_bytes())
}

/// Fails where something that should happen at once has not happened in a long time.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("it happens in time")
}
