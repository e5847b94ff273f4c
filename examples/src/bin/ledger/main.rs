//! Money that moves exactly once: `cargo run -p idempotent-examples --bin ledger`.
//!
//! `STORE` says where accounts, transfers and idempotency keys are, all in one database:
//! `sqlite:PATH` (by default a file in the temporary directory) or `postgres://…`. Kill the process
//! whenever you like, start it again and send the same transfers again: each happens once, and the
//! sum of all balances never changes.

mod transfers;

use std::{env, error::Error, time::Duration};

use actix_web::{App, HttpServer, dev::Server, web};
use idempotent_examples::{give_up, listen, url};
use idempotent_runtime::{Idempotency, PostgresStore, SqliteStore, serve};
use sqlx::{
    Executor, PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use transfers::{on_postgres, on_sqlite};

const TABLES: &str = "CREATE TABLE IF NOT EXISTS ledger_accounts (name text PRIMARY KEY, cents bigint NOT NULL); \
     CREATE TABLE IF NOT EXISTS ledger_transfers (payer text NOT NULL, payee text NOT NULL, cents bigint NOT NULL); \
     INSERT INTO ledger_accounts VALUES ('alice', 100000), ('bob', 100000), ('carol', 100000) ON CONFLICT DO NOTHING";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let store = env::var("STORE")
        .unwrap_or_else(|_| format!("sqlite:{}", env::temp_dir().join("idempotent-ledger.db").display()));
    let opened = match store.split_once(':') {
        Some(("sqlite", path)) => open_sqlite(path).await,
        Some(("postgres", _)) => open_postgres(&store).await,
        _ => Err("STORE can be sqlite:PATH or postgres://…".into()),
    };
    let (server, idempotency) = opened.unwrap_or_else(|error| give_up(error));
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

/// Longest time that a retry waits after a crash. It is short, so that nobody who tries this has to
/// wait.
const LEASE: Duration = Duration::from_secs(2);

type Opened = Result<(Server, Idempotency), Box<dyn Error>>;

/// The accounts in a SQLite file. The store is made with the pool that the handlers' transactions
/// come from.
async fn open_sqlite(path: &str) -> Opened {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await?;
    pool.execute(TABLES).await?;
    let idempotency =
        Idempotency::builder().store(SqliteStore::new(pool.clone()).await?).lease(LEASE).build()?;
    start(idempotency, move |app| on_sqlite::routes(app, &pool))
}

/// The accounts in PostgreSQL.
async fn open_postgres(url: &str) -> Opened {
    let pool = PgPool::connect(url).await?;
    pool.execute(TABLES).await?;
    let idempotency =
        Idempotency::builder().store(PostgresStore::new(pool.clone()).await?).lease(LEASE).build()?;
    start(idempotency, move |app| on_postgres::routes(app, &pool))
}

fn start(
    idempotency: Idempotency,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> Opened {
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    let data = idempotency.clone();
    let app = move || App::new().app_data(data.clone()).configure(routes.clone());
    Ok((HttpServer::new(app).listen(listener)?.disable_signals().run(), idempotency))
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# A transfer. Run the line again: the same answer, and the money has moved once.
curl -i {url}/transfers -H 'Idempotency-Key: rent-november' --json '{{"from":"alice","to":"bob","cents":50000}}'

# The balances, and their sum.
curl {url}/accounts

# More than there is: 422, nothing moves, and a retry is told the same.
curl -i {url}/transfers -H 'Idempotency-Key: a-yacht' --json '{{"from":"alice","to":"bob","cents":900000000}}'

# A transfer that takes ten seconds before it commits. Kill the server meanwhile (kill -9), start it again and run the line again: it
# waits until the dead server's lease has run out (2 seconds at most), and the money moves once.
curl -i {url}/transfers -H 'Idempotency-Key: slow' --json '{{"from":"bob","to":"carol","cents":100,"takes_ms":10000}}'
"#
    )
}
