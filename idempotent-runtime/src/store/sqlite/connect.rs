//! Connections of the store's own, which nobody else's settings or statements touch.

use std::{io, path::PathBuf, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    failure::{BUSY, NAME, is, unreachable},
    fair_lock::FairLock,
    files::{Files, Found},
    wal::{self, Checkpoints},
};
use crate::{backoff::Backoff, store::SetupError};

/// Time that a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time that the first connection may take. Other processes may be creating the same file.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, and the files that it has been seen to use.
pub(super) struct Open {
    pub(super) connection: SqliteConnection,
    files: Option<Found>,
    on_disk: OnDisk,
}

/// Moment at which a commit is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDisk {
    /// Before the commit is acknowledged.
    AtOnce,
    /// Together with the next commit on the file that is on disk, by any connection: the log is
    /// synced as a whole.
    Later,
}

impl Open {
    /// Sets this from the next transaction on. No transaction may be open.
    pub(super) async fn commit_to_disk(&mut self, on_disk: OnDisk) -> Result<(), sqlx::Error> {
        if self.on_disk != on_disk {
            let level = match on_disk {
                OnDisk::AtOnce => "PRAGMA synchronous = FULL",
                OnDisk::Later => "PRAGMA synchronous = NORMAL",
            };
            sqlx::query(level).execute(&mut self.connection).await?;
            self.on_disk = on_disk;
        }
        Ok(())
    }

    /// Checks that the files that are there are the files that this connection uses. To be called
    /// after a statement has opened them.
    ///
    /// # Errors
    /// One of the files is missing, or has been replaced.
    pub(super) fn check(&mut self, connector: &Connector) -> Result<(), sqlx::Error> {
        let found = connector.files.as_ref().map(Files::find).transpose()?;
        if self.files.is_some() && self.files != found {
            return Err(io::Error::other("the file or its log has been deleted or replaced").into());
        }
        self.files = found;
        Ok(())
    }
}

/// Way to open the file.
#[derive(Clone)]
pub(super) struct Connector {
    options: SqliteConnectOptions,
    files: Option<Files>,
    checkpoints: Checkpoints,
}

impl Connector {
    /// A connector with `options`, and with the settings that the store needs to keep its promises.
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .locking_mode(SqliteLockingMode::Normal)
            .shared_cache(false)
            // On some systems (macOS) fsync leaves data in the drive's cache. This setting uses a
            // call that does not.
            .pragma("fullfsync", "1")
            .pragma("cell_size_check", "1")
            .pragma("temp_store", "MEMORY")
            // The log is moved into the file beside the writer.
            .pragma(wal::CHECKPOINT_LIMIT, wal::LONGEST_LOG)
            // Room for the addresses of a million keys: each claim looks for one at random.
            .pragma("cache_size", "-131072")
            .statement_cache_capacity(32)
            // A busy file is an error at once. SQLite's own waiting would sleep for up to 100 ms at
            // a time.
            .busy_timeout(Duration::ZERO)
            .disable_statement_logging();
        Connector { options, files: None, checkpoints: Checkpoints::Beside }
    }

    /// The first connection. The file may be created by it.
    ///
    /// # Errors
    /// The file cannot be opened, or cannot be one that keeps what it acknowledges.
    pub(super) async fn first(&mut self) -> Result<Open, SetupError> {
        let mut open = self.open(SETUP_TIMEOUT).await.map_err(unreachable)?;
        let file = check(&mut open.connection).await?;
        self.leave_the_log_to_commits(&mut open.connection).await?;
        // From now on a missing file is an error: a new one in its place, or in another working
        // directory, would know of no earlier request.
        self.options = self.options.clone().filename(&file).create_if_missing(false);
        self.files = Files::of(&file);
        Ok(open)
    }

    /// Lets commits move the log, if this SQLite may lose commits when the log is moved beside
    /// them.
    async fn leave_the_log_to_commits(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), SetupError> {
        let version: String = value(connection, "SELECT sqlite_version()").await?;
        if wal::is_moved_safely_by(&version) {
            return Ok(());
        }
        tracing::warn!(
            version,
            "this SQLite has a bug that may lose commits while its log is moved beside them (fixed in 3.51.3): the sqlite store lets commits do it, and is slower"
        );
        self.checkpoints = Checkpoints::ByCommits;
        self.options = self.options.clone().pragma(wal::CHECKPOINT_LIMIT, wal::DEFAULT_LOG);
        let set = format!("PRAGMA {} = {}", wal::CHECKPOINT_LIMIT, wal::DEFAULT_LOG);
        sqlx::query(AssertSqlSafe(set)).execute(connection).await.map(drop).map_err(unreachable)
    }

    /// Part of the store that moves the log into the file.
    pub(super) fn checkpoints(&self) -> Checkpoints {
        self.checkpoints
    }

    /// Another connection to the file.
    ///
    /// # Errors
    /// The file cannot be opened in time.
    pub(super) async fn connect(&self) -> Result<Open, sqlx::Error> {
        self.open(CONNECT_TIMEOUT).await
    }

    /// The lock for which the processes that want to write to the file stand in line.
    pub(super) fn fair_lock(&self) -> FairLock {
        FairLock::by(self.files.as_ref().map(Files::line))
    }

    async fn open(&self, limit: Duration) -> Result<Open, sqlx::Error> {
        let mut busy = Busy::for_at_most(limit);
        loop {
            let connection = timeout_at(busy.until, self.options.connect()).await;
            match connection.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(connection) => return Ok(Open { connection, files: None, on_disk: OnDisk::AtOnce }),
                Err(error) => busy.wait(error).await?,
            }
        }
    }
}

/// Waits for other connections that are in the way.
pub(super) struct Busy {
    until: Instant,
    pace: Backoff,
}

impl Busy {
    pub(super) fn for_at_most(limit: Duration) -> Self {
        let pace = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        Busy { until: Instant::now() + limit, pace }
    }

    /// Pauses before the statement that failed with `error` is tried again.
    ///
    /// # Errors
    /// `error` itself, where trying again is no use or no time is left.
    pub(super) async fn wait(&mut self, error: sqlx::Error) -> Result<(), sqlx::Error> {
        if !is(BUSY, &error) || Instant::now() >= self.until {
            return Err(error);
        }
        sleep(self.pace.next_delay()).await;
        Ok(())
    }
}

/// Checks that everything that is committed through `connection` survives a loss of power. Gives
/// the file's whole path.
async fn check(connection: &mut SqliteConnection) -> Result<PathBuf, SetupError> {
    let query = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    let file: Option<String> = value(connection, query).await?;
    let file = file.unwrap_or_default();
    if file.is_empty() {
        return Err(SetupError::setting(
            NAME,
            "a database in memory outlives nothing: use a file, or MemoryStore",
        ));
    }
    let mode: String = value(connection, "PRAGMA journal_mode").await?;
    if mode != "wal" {
        return Err(SetupError::setting(
            NAME,
            format!(
                "its journal mode is `{mode}` and cannot be `wal`: the file must be writable and on a local disk"
            ),
        ));
    }
    Ok(file.into())
}

/// Checks that the application's own connections leave the file whole when the power is lost.
///
/// With `NORMAL` only their own last transactions are at risk. With `OFF` a checkpoint of theirs
/// may write pages whose log is not on disk yet, and those pages hold the store's data too.
pub(super) async fn check_pool(pool: &SqlitePool) -> Result<(), SetupError> {
    let acquired = timeout_at(Instant::now() + SETUP_TIMEOUT, pool.acquire()).await;
    let mut connection = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(unreachable)?;
    let synchronous: i64 = value(&mut connection, "PRAGMA synchronous").await?;
    if synchronous == 0 {
        return Err(SetupError::setting(
            NAME,
            "the pool's connections have `synchronous` OFF, which can damage the file: use NORMAL, FULL or EXTRA",
        ));
    }
    Ok(())
}

async fn value<T>(connection: &mut SqliteConnection, query: &'static str) -> Result<T, SetupError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    // Whoever opens a file reads its log first, and holds up all who open it at the same time.
    let mut busy = Busy::for_at_most(SETUP_TIMEOUT);
    loop {
        match sqlx::query(query).fetch_one(&mut *connection).await {
            Ok(row) => return row.try_get(0).map_err(unreachable),
            Err(error) => busy.wait(error).await.map_err(unreachable)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_stores_connections_sync_whatever_the_pool_says() {
        let file = std::env::temp_dir().join(format!("idempotent-connect-{}.db", std::process::id()));
        let careless = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Delete)
            .synchronous(SqliteSynchronous::Off)
            .shared_cache(true);
        let mut connector = Connector::new(careless);
        for Open { mut connection, .. } in
            [connector.first().await.unwrap(), connector.connect().await.unwrap()]
        {
            assert_eq!(value::<i64>(&mut connection, "PRAGMA synchronous").await.unwrap(), 2);
            assert_eq!(value::<i64>(&mut connection, "PRAGMA fullfsync").await.unwrap(), 1);
            assert_eq!(value::<String>(&mut connection, "PRAGMA journal_mode").await.unwrap(), "wal");
        }
        let mut open = connector.connect().await.unwrap();
        for (on_disk, level) in [(OnDisk::Later, 1), (OnDisk::Later, 1), (OnDisk::AtOnce, 2)] {
            open.commit_to_disk(on_disk).await.unwrap();
            assert_eq!(value::<i64>(&mut open.connection, "PRAGMA synchronous").await.unwrap(), level);
        }
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
        }
    }
}
