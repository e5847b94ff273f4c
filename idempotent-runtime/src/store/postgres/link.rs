//! The store's own connections to the server.
//!
//! They are made with the options of the application's pool, and are not taken out of it: a handler that holds the pool's last connection
//! must not keep its own lease from being renewed, and a pool asks the server whether a connection still lives before
//! each use, which is a round trip more for each call.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::time::{Instant, timeout};

use crate::sync::{Mutex, lock};

/// How long it may take to connect, and to hear whether a connection still lives.
const CONNECT: Duration = Duration::from_secs(2);
const PING: Duration = Duration::from_millis(500);
/// After how long without use a connection is asked whether it still lives.
const DOUBTED: Duration = Duration::from_secs(5);

/// What every connection is told first: claims are decided by statements that each see what was committed before them.
const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// What those that carry calls are told too: the server gives a statement that works or waits for a lock up before its caller does.
/// A commit it does not give up: one that waits for a disk or a standby may end when its caller has long been told that it failed.
const FOR_CALLS: &str = "SET statement_timeout = '1800ms'";

// A connection is idle here, or in use by one task, or closed:
//
//   (none) ─ connect ─▶ in use ─ answered ─▶ idle ─ take ─▶ in use
//                         └ any error, timeout, dropped ─▶ closed
//
// What is not put back is closed by being dropped. So no connection is used again in a state that nobody knows.
/// Connections that wait for work. The one that worked last works next.
#[derive(Debug)]
pub(super) struct Link {
    pool: PgPool,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A connection in use, and whether it has been used before.
pub(super) struct InUse {
    pub(super) connection: PgConnection,
    pub(super) used_before: bool,
}

impl Link {
    pub(super) fn new(pool: PgPool) -> Self {
        Link { pool, idle: Mutex::default() }
    }

    /// A connection that works, as far as one can know.
    pub(super) async fn take(&self) -> Result<InUse, sqlx::Error> {
        while let Some(Idle { mut connection, since }) = self.pop() {
            let is_fresh = since.elapsed() < DOUBTED;
            if is_fresh || matches!(timeout(PING, connection.ping()).await, Ok(Ok(()))) {
                return Ok(InUse { connection, used_before: true });
            }
            self.forget();
        }
        Ok(InUse { connection: self.connect_for_calls().await?, used_before: false })
    }

    /// A new connection that carries calls.
    pub(super) async fn connect_for_calls(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = self.connect().await?;
        let told = timeout(CONNECT, connection.execute(FOR_CALLS)).await;
        told.unwrap_or_else(|_| Err(timed_out("connecting")))?;
        Ok(connection)
    }

    fn pop(&self) -> Option<Idle> {
        lock(&self.idle).pop()
    }

    /// Keeps a connection that has answered all it was asked.
    pub(super) fn put(&self, connection: PgConnection) {
        lock(&self.idle).push(Idle { connection, since: Instant::now() });
    }

    /// Closes what is idle: the server has gone, and these connections with it.
    pub(super) fn forget(&self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        drop(idle);
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.pool.connect_options()).await?;
            connection.execute(SESSION).await?;
            Ok(connection)
        };
        timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(timed_out("connecting")))
    }

    /// The options of the application's pool, as they are now.
    pub(super) fn options(&self) -> sqlx::postgres::PgConnectOptions {
        (*self.pool.connect_options()).clone()
    }
}

/// What is said of a server that does not answer.
pub(super) fn timed_out(what: &str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{what} took too long")))
}
