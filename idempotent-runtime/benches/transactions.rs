//! Cost of a transaction with idempotency, over real HTTP. It is compared with the same insertion
//! in a transaction that is written by hand: once without idempotency, and once with a plain
//! protection against a second insertion by a retry.
//!
//! PostgreSQL is the server at `DATABASE_URL`, SQLite a file in the temporary directory. The
//! handlers take turns in every round. `BENCH_ROUNDS` (7) and `BENCH_MILLIS` (1000) change the
//! measurement, `BENCH_DATABASE` may be `postgres` or `sqlite`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod load;
mod measured;

use std::{cell::Cell, env, io, net::SocketAddr, rc::Rc, sync::mpsc, thread, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, rt, web};
use idempotent_runtime::{
    Idempotency, IdempotentTx, PostgresStore, SqliteStore, Store, TransactionError, TransactionalDatabase,
    idempotent,
};
use load::Load;
use measured::{median, setting};
use sqlx::{
    Acquire, Database, Encode, Executor, IntoArguments, Pool, Postgres, Sqlite, Type,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

const INSERT: &str = "INSERT INTO bench_transfers (amount) VALUES (1)";
const CREATE: &str =
    "DROP TABLE IF EXISTS bench_transfers; CREATE TABLE bench_transfers (amount bigint NOT NULL);
     DROP TABLE IF EXISTS bench_keys; CREATE TABLE bench_keys (key text PRIMARY KEY, response text)";
const DROP: &str = "DROP TABLE bench_transfers; DROP TABLE bench_keys";
const CLAIM: &str = "INSERT INTO bench_keys (key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING key";
const RECORD: &str = "UPDATE bench_keys SET response = $1 WHERE key = $2";
const CONNECTIONS: u32 = 16;

/// A database whose transactions are lent as connections of sqlx.
trait OnSqlx: TransactionalDatabase<Connection = <Self as Database>::Connection> + Database {}

impl OnSqlx for Postgres {}
impl OnSqlx for Sqlite {}

#[idempotent(transaction)]
async fn annotated<DB>(mut tx: IdempotentTx<DB>) -> Result<impl Responder, TransactionError>
where
    DB: OnSqlx,
    for<'c> &'c mut <DB as Database>::Connection: Executor<'c, Database = DB>,
{
    (&mut *tx).execute(INSERT).await?;
    Ok(HttpResponse::Created().body("done"))
}

async fn by_hand<DB>(pool: web::Data<Pool<DB>>) -> Result<impl Responder, TransactionError>
where
    DB: OnSqlx,
    for<'c> &'c mut <DB as Database>::Connection: Executor<'c, Database = DB>,
{
    let mut tx = pool.begin().await?;
    (&mut *tx).execute(INSERT).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().body("done"))
}

/// Handler with a claim that others see before the transaction, and with the response in the
/// transaction. It has no fingerprint, no lease and no replay: a request that comes with the same
/// key is turned away.
async fn keyed_by_hand<DB>(
    request: HttpRequest,
    pool: web::Data<Pool<DB>>,
) -> Result<impl Responder, TransactionError>
where
    DB: OnSqlx,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut <DB as Database>::Connection: Executor<'c, Database = DB>,
    for<'t> &'t str: Encode<'t, DB> + Type<DB>,
{
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap();
    let mut connection = pool.acquire().await?;
    if sqlx::query(CLAIM).bind(key).fetch_optional(&mut *connection).await?.is_none() {
        return Ok(HttpResponse::Conflict().finish());
    }
    let mut tx = connection.begin().await?;
    (&mut *tx).execute(INSERT).await?;
    sqlx::query(RECORD).bind("done").bind(key).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().body("done"))
}

/// Serves the handlers in a thread of its own.
fn serve<DB>(store: impl Store + Clone, pool: Pool<DB>) -> SocketAddr
where
    DB: OnSqlx,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut <DB as Database>::Connection: Executor<'c, Database = DB>,
    for<'t> &'t str: Encode<'t, DB> + Type<DB>,
{
    let (started, is_started) = mpsc::channel();
    thread::spawn(move || {
        rt::System::new().block_on(async move {
            let idempotency = Idempotency::builder().store(store).build().unwrap();
            let app = move || {
                App::new()
                    .app_data(idempotency.clone())
                    .app_data(web::Data::new(pool.clone()))
                    .route("/annotated", web::post().to(annotated::<DB>))
                    .route("/by_hand", web::post().to(by_hand::<DB>))
                    .route("/keyed_by_hand", web::post().to(keyed_by_hand::<DB>))
            };
            let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
            started.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    is_started.recv().unwrap()
}

const HANDLERS: [&str; 3] = ["/by_hand", "/keyed_by_hand", "/annotated"];

async fn compare(database: &str, address: SocketAddr) -> io::Result<()> {
    let (rounds, time) = (setting("BENCH_ROUNDS", 7), Duration::from_millis(setting("BENCH_MILLIS", 1000)));
    let serial = Rc::new(Cell::new(0));
    for connections in [1, 64] {
        let mut rates = [const { Vec::new() }; 3];
        for round in 0..=rounds {
            for (path, rates) in HANDLERS.into_iter().zip(&mut rates) {
                let load = Load { address, path, body: b"", key: |serial| serial, serial: serial.clone() };
                let (done, taken) = load.run(connections, time).await?;
                // The first round warms up.
                if round > 0 {
                    rates.push(done as f64 / taken.as_secs_f64());
                }
            }
        }
        println!("{database}, {connections} in flight:");
        for (path, of_path) in HANDLERS.iter().zip(&rates) {
            let ratio = median(of_path.iter().zip(&rates[0]).map(|(rate, by_hand)| rate / by_hand));
            println!("  {path:<16} {:>8.0}/s {ratio:>6.2}", median(of_path.iter().copied()));
        }
    }
    Ok(())
}

async fn on_postgres() -> io::Result<()> {
    let url =
        env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into());
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await.unwrap();
    sqlx::raw_sql(CREATE).execute(&pool).await.unwrap();
    sqlx::raw_sql("DROP SCHEMA IF EXISTS bench_transactions CASCADE").execute(&pool).await.unwrap();
    let store = PostgresStore::builder(pool.clone()).schema("bench_transactions").build().await.unwrap();
    compare("PostgreSQL", serve::<Postgres>(store, pool.clone())).await?;
    for statement in [DROP, "DROP SCHEMA bench_transactions CASCADE"] {
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
    }
    Ok(())
}

async fn on_sqlite() -> io::Result<()> {
    let folder = env::temp_dir().join(format!("idempotent-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let options = SqliteConnectOptions::new().filename(folder.join("shop.db")).create_if_missing(true);
    let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.unwrap();
    sqlx::raw_sql(CREATE).execute(&pool).await.unwrap();
    let store = SqliteStore::new(pool.clone()).await.unwrap();
    compare("SQLite", serve::<Sqlite>(store, pool)).await?;
    std::fs::remove_dir_all(folder)
}

fn main() -> io::Result<()> {
    let asked = env::var("BENCH_DATABASE").ok();
    let is_asked = |database| asked.as_deref().is_none_or(|asked| asked == database);
    rt::System::new().block_on(async {
        if is_asked("postgres") {
            on_postgres().await?;
        }
        if is_asked("sqlite") {
            on_sqlite().await?;
        }
        Ok(())
    })
}
