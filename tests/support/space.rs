//! Places of a test's own on the servers that all tests share.
//!
//! A place is emptied when its test is done with it, also when the test fails. A place that a
//! killed run leaves behind says in its name when the run began, and is removed by any run that
//! comes an hour later.

use std::{
    collections::BTreeSet,
    process,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use redis::{Client, RedisResult};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::runtime::Builder;

/// Start of the name of every place. The second in which its run began follows.
const MARK: &str = "idempotent_test_";
/// No run takes longer.
const HOUR: u64 = 3600;

/// A name on a server, and whatever is kept there under it.
#[derive(Debug)]
pub struct Space {
    name: String,
    server: Server,
}

#[derive(Debug)]
enum Server {
    /// Schemas, databases, and roles whose names go on.
    Postgres(Box<PgConnectOptions>),
    /// Keys whose names go on after a colon.
    Redis(Client),
    /// Keys and rows end by themselves.
    None,
}

impl Space {
    /// A place on the server at `url`.
    pub fn at(url: &str) -> Space {
        static SWEPT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        if SWEPT.lock().unwrap().insert(url.to_owned()) {
            Space::sweep(url);
        }
        Space { name: name(), server: Server::at(url) }
    }

    /// A place on a server that nobody else uses, and that ends with the test.
    pub fn alone() -> Space {
        Space { name: name(), server: Server::None }
    }

    /// Removes what killed runs have left behind on the server at `url`. Others may do so at the
    /// same time.
    pub fn sweep(url: &str) {
        match Server::at(url) {
            Server::Postgres(options) => {
                let _ = apart(sweep(&options));
            }
            Server::Redis(client) => {
                let _ = unlink(&client, is_stale);
            }
            Server::None => {}
        }
    }

    /// Its name: letters, digits and underscores.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of a database of this name, which is made.
    pub fn database(&self) -> String {
        let Server::Postgres(options) = &self.server else { panic!("{self:?} has no databases") };
        let created = format!("CREATE DATABASE {}", self.name);
        apart(async { execute(&mut PgConnection::connect_with(options).await?, created).await }).unwrap();
        PgConnectOptions::clone(options).database(&self.name).to_url_lossy().to_string()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // A server that is gone has kept nothing.
        match &self.server {
            Server::Postgres(options) => {
                let _ =
                    apart(async { clear(&mut PgConnection::connect_with(options).await?, &self.name).await });
            }
            Server::Redis(client) => {
                let _ = unlink(client, |name| name == self.name);
            }
            Server::None => {}
        }
    }
}

impl Server {
    fn at(url: &str) -> Server {
        match url.split(':').next() {
            Some("postgres") => Server::Postgres(Box::new(url.parse().unwrap())),
            Some("redis") => Server::Redis(Client::open(url).unwrap()),
            _ => Server::None,
        }
    }
}

/// A name that no other place has.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{MARK}{}_{}_{}", now(), process::id(), NUMBER.fetch_add(1, Ordering::SeqCst))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// True where this is the name of a place whose run has long ended.
fn is_stale(name: &str) -> bool {
    let began = name.strip_prefix(MARK).and_then(|rest| rest.split('_').next()?.parse::<u64>().ok());
    began.is_some_and(|began| began + HOUR < now())
}

/// Does `work` on a thread and a runtime of its own, whatever the runtime of the test does
/// meanwhile, or does not do any more.
fn apart<T: Send>(work: impl Future<Output = sqlx::Result<T>> + Send) -> sqlx::Result<T> {
    let run = || Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    thread::scope(|scope| scope.spawn(run).join().unwrap_or(Err(sqlx::Error::WorkerCrashed)))
}

async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}

async fn clear(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    let role = format!("{name}_app");
    execute(connection, "SET lock_timeout = '10s'; SET client_min_messages = 'warning'".to_owned()).await?;
    execute(connection, format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await?;
    execute(connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    let is_there = format!("SELECT FROM pg_roles WHERE rolname = '{role}'");
    let owned = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    execute(connection, format!("DO $$ BEGIN IF EXISTS ({is_there}) THEN {owned}; END IF; END $$")).await
}

async fn sweep(options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(options).await?;
    let names = "SELECT nspname::text FROM pg_namespace UNION SELECT datname::text FROM pg_database";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await?;
    for name in names.iter().filter(|name| is_stale(name)) {
        let _ = clear(&mut connection, name).await;
    }
    Ok(())
}

/// Deletes the keys of the places that `is_meant`.
fn unlink(client: &Client, is_meant: impl Fn(&str) -> bool) -> RedisResult<()> {
    let mut connection = client.get_connection()?;
    let (mut cursor, pattern) = (0_u64, format!("{MARK}*"));
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<String>) = scan.query(&mut connection)?;
        let keys: Vec<_> = keys.iter().filter(|key| key.split(':').next().is_some_and(&is_meant)).collect();
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(&keys).query::<()>(&mut connection)?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
