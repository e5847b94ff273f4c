//! The store's own connections to the server.
//!
//! They are made with the options of the application's pool, and are not taken out of it, for two
//! reasons. A handler that holds the pool's last connection must not keep its own lease from being
//! renewed. And a pool asks the server before each use whether a connection still lives, which is
//! one more round trip per call.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection as _, Executor, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout};

use super::{failure::timed_out, pool_mode::PoolMode};
use crate::sync::{Mutex, lock};

/// Time that connecting may take, and time to hear whether a connection still lives.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const PING_TIMEOUT: Duration = Duration::from_millis(500);
/// Time without use after which a connection is asked whether it still lives.
const DOUBTED: Duration = Duration::from_secs(5);

/// Settings of a session of the store's own. Claims are decided by statements that each see what
/// was committed before them.
const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// The limit after which the server gives up a statement that works or waits for a lock. It ends
/// before the caller's does. A commit is not given up: one that waits for a disk or a standby may
/// end long after its caller has been told that it failed.
const SESSION_LIMIT: &str = "SET statement_timeout = '1800ms'";
/// The same settings for one transaction, where others get the session afterwards. Also sets the
/// form in which bytes come back. The settings end with the transaction, however it ends.
const TRANSACTION: &str =
    "SET LOCAL TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL bytea_output = 'hex'; ";
const TRANSACTION_LIMIT: &str = "SET LOCAL statement_timeout = '1800ms'; ";

// A connection is idle here, or in use by one task, or closed:
//
//   (none) ─ connect ─▶ in use ─ answered ─▶ idle ─ take ─▶ in use
//                         └ any error, timeout, dropped ─▶ closed
//
// A connection that is not put back is dropped, and so is closed. So no connection is used again in
// an unknown state.
/// Connections that wait for work. The one that worked last works next.
#[derive(Debug)]
pub(super) struct Connections {
    pool: PgPool,
    mode: PoolMode,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection of the store's own.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: PgConnection,
    /// Settings that go with each call, where the session is lent for one transaction. Otherwise it
    /// has been told its settings once.
    pub(super) settings: Option<Settings>,
}

/// A connection in use, and whether it has been used before.
pub(super) struct InUse {
    pub(super) connection: Connection,
    pub(super) used_before: bool,
}

/// Statements that set something.
pub(super) type Settings = &'static [&'static str];

/// Work that a connection is opened for.
#[derive(Clone, Copy)]
enum Work {
    Calls,
    Sweeping,
}

impl Work {
    fn settings(self, mode: PoolMode) -> Settings {
        match (mode, self) {
            (PoolMode::Session, Work::Calls) => &[SESSION, SESSION_LIMIT],
            (PoolMode::Session, Work::Sweeping) => &[SESSION],
            (PoolMode::Transaction, Work::Calls) => &[TRANSACTION, TRANSACTION_LIMIT],
            (PoolMode::Transaction, Work::Sweeping) => &[TRANSACTION],
        }
    }
}

impl Connections {
    pub(super) fn new(pool: PgPool, mode: PoolMode) -> Self {
        Connections { pool, mode, idle: Mutex::default() }
    }

    pub(super) fn mode(&self) -> PoolMode {
        self.mode
    }

    /// A connection that works, as far as one can know.
    pub(super) async fn take(&self) -> Result<InUse, sqlx::Error> {
        while let Some(Idle { mut connection, since }) = self.pop() {
            let is_fresh = since.elapsed() < DOUBTED;
            if is_fresh || matches!(timeout(PING_TIMEOUT, connection.session.ping()).await, Ok(Ok(()))) {
                return Ok(InUse { connection, used_before: true });
            }
            self.forget();
        }
        Ok(InUse { connection: self.connect_for_calls().await?, used_before: false })
    }

    /// A new connection that carries calls.
    pub(super) async fn connect_for_calls(&self) -> Result<Connection, sqlx::Error> {
        self.connect(Work::Calls).await
    }

    /// A new connection for work that takes long.
    pub(super) async fn connect_for_sweeping(&self) -> Result<Connection, sqlx::Error> {
        self.connect(Work::Sweeping).await
    }

    async fn connect(&self, work: Work) -> Result<Connection, sqlx::Error> {
        let session = open(&self.options()).await?;
        timeout(CONNECT_TIMEOUT, self.set_up(session, work))
            .await
            .unwrap_or_else(|_| Err(timed_out("connecting")))
    }

    async fn set_up(&self, mut session: PgConnection, work: Work) -> Result<Connection, sqlx::Error> {
        let settings = work.settings(self.mode);
        if self.mode == PoolMode::Transaction {
            return Ok(Connection { session, settings: Some(settings) });
        }
        for setting in settings {
            session.execute(*setting).await?;
        }
        Ok(Connection { session, settings: None })
    }

    /// Keeps a connection on which nothing has been set yet, if it may carry calls.
    pub(super) async fn adopt(&self, session: PgConnection) {
        if self.mode == PoolMode::Transaction {
            // It was opened before anybody knew what it must not log.
            let _ = timeout(CONNECT_TIMEOUT, session.close()).await;
        } else if let Ok(Ok(connection)) = timeout(CONNECT_TIMEOUT, self.set_up(session, Work::Calls)).await {
            self.put(connection);
        }
    }

    fn pop(&self) -> Option<Idle> {
        lock(&self.idle).pop()
    }

    /// Keeps a connection that has answered everything.
    pub(super) fn put(&self, connection: Connection) {
        lock(&self.idle).push(Idle { connection, since: Instant::now() });
    }

    /// Closes all idle connections: the server has gone, and they have gone with it.
    pub(super) fn forget(&self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        drop(idle);
    }

    /// The options of the application's pool, as they are now.
    pub(super) fn options(&self) -> PgConnectOptions {
        let options = options(&self.pool);
        match self.mode {
            PoolMode::Session => options,
            // The text of a call holds the record.
            PoolMode::Transaction => options.disable_statement_logging(),
        }
    }
}

/// Options of the application's pool, for a connection of the store's own. Poolers refuse one thing
/// that sqlx asks for: the digits of floating-point numbers. The store has no such numbers.
pub(super) fn options(pool: &PgPool) -> PgConnectOptions {
    pool.connect_options().as_ref().clone().extra_float_digits(None)
}

/// A new connection on which nothing has been set.
pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let connecting = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options));
    connecting.await.unwrap_or_else(|_| Err(timed_out("connecting")))
}
