//! What a transaction with idempotency costs, over real HTTP: against the same insertion in a transaction that is written by hand.
//!
//! PostgreSQL is the server at `DATABASE_URL`, SQLite a file in the temporary directory. The two handlers take turns in every
//! round. `BENCH_ROUNDS` (7) and `BENCH_MILLIS` (1000) change the measurement, `BENCH_DATABASE` may be `postgres` or `sqlite`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod load;
mod measured;

use std::{cell::Cell, env, io, net::SocketAddr, rc::Rc, sync::mpsc, thread, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, rt, web};
use idempotent_runtime::{
    Idempotency, IdempotentTx, PostgresStore, SqliteStore, Store, TransactionError, TransactionalDatabase,
    idempotent,
};
use load::Load;
use measured::{median, setting};
use sqlx::{
    Executor, Pool, Postgres, Sqlite,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

const INSERT: &str = "INSERT INTO bench_transfers (amount) VALUES (1)";
const CREATE: &str =
    "DROP TABLE IF EXISTS bench_transfers; CREATE TABLE bench_transfers (amount bigint NOT NULL)";
const DROP: &str = "DROP TABLE bench_transfers";
const CONNECTIONS: u32 = 16;

#[idempotent(transaction)]
async fn annotated<DB>(mut tx: IdempotentTx<DB>) -> Result<impl Responder, TransactionError>
where
    DB: TransactionalDatabase,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    (&mut *tx).execute(INSERT).await?;
    Ok(HttpResponse::Created().body("done"))
}

async fn by_hand<DB>(pool: web::Data<Pool<DB>>) -> Result<impl Responder, TransactionError>
where
    DB: TransactionalDatabase,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut tx = pool.begin().await?;
    (&mut *tx).execute(INSERT).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().body("done"))
}

/// Serves both handlers in a thread of its own.
fn serve<DB>(store: impl Store + Clone, pool: Pool<DB>) -> SocketAddr
where
    DB: TransactionalDatabase,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
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
            };
            let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
            started.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    is_started.recv().unwrap()
}

async fn compare(database: &str, address: SocketAddr) -> io::Result<()> {
    let (rounds, time) = (setting("BENCH_ROUNDS", 7), Duration::from_millis(setting("BENCH_MILLIS", 1000)));
    let serial = Rc::new(Cell::new(0));
    for connections in [1, 64] {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..=rounds {
            for (path, rates) in ["/by_hand", "/annotated"].into_iter().zip(&mut rates) {
                let load = Load { address, path, body: b"", key: |serial| serial, serial: serial.clone() };
                let (done, taken) = load.run(connections, time).await?;
                // The first round warms up.
                if round > 0 {
                    rates.push(done as f64 / taken.as_secs_f64());
                }
            }
        }
        let ratio = median(rates[1].iter().zip(&rates[0]).map(|(annotated, by_hand)| annotated / by_hand));
        let [by_hand, annotated] = rates.map(median);
        println!(
            "{database:<12} {connections:>3} in flight: {by_hand:>8.0}/s by hand, {annotated:>8.0}/s annotated, {ratio:.2}"
        );
    }
    Ok(())
}

async fn on_postgres() -> io::Result<()> {
    let url =
        env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into());
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await.unwrap();
    sqlx::raw_sql(CREATE).execute(&pool).await.unwrap();
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
