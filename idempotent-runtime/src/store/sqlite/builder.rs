//! Setting a store up.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, sqlite::SqliteConnectOptions};

use super::{
    SqliteShared, SqliteStore,
    connect::{Connector, Open, check_pool},
    failure::{NAME, unreachable},
    ledger::SqliteLedger,
    poller::Waiters,
    schema,
    sql::{MOST, Sql},
    stuck::StuckReader,
    sweeper,
    transaction::SqliteLending,
    turns::Turns,
    writer::Writer,
};
use crate::{
    clock::{Clock, WallClock},
    store::{
        SetupError,
        remote::{Batches, Notifier, checked},
        transactional::{Offer, Offers},
    },
};

/// Settings of a [`SqliteStore`].
#[derive(Clone)]
pub struct SqliteStoreBuilder {
    options: SqliteConnectOptions,
    pool: Option<SqlitePool>,
    table: String,
    migrate: bool,
    sweep_every: Duration,
    clock: Arc<dyn Clock>,
}

impl SqliteStoreBuilder {
    pub(super) fn with_pool(pool: SqlitePool) -> Self {
        let options = (*pool.connect_options()).clone();
        SqliteStoreBuilder { pool: Some(pool), ..Self::with_options(options) }
    }

    fn with_options(options: SqliteConnectOptions) -> Self {
        SqliteStoreBuilder {
            options,
            pool: None,
            table: schema::TABLE.to_owned(),
            migrate: true,
            sweep_every: Duration::from_secs(60),
            clock: Arc::new(WallClock),
        }
    }

    /// Settings for a path, or for a URL that begins with `sqlite:`. Without a `mode` the file is
    /// created where it is missing.
    pub(super) fn with_location(location: &Path) -> Result<Self, SetupError> {
        let url = location.to_str().filter(|text| text.starts_with("sqlite:"));
        let options = match url {
            Some(url) => {
                let options: SqliteConnectOptions = url.parse().map_err(unreachable)?;
                if url.contains("mode=") { options } else { options.create_if_missing(true) }
            }
            None => SqliteConnectOptions::new().filename(location).create_if_missing(true),
        };
        Ok(Self::with_options(options))
    }

    /// The name of the table, `idempotency_keys` if not set. The version of its schema is in
    /// another table: this name with `_schema` behind it.
    ///
    /// 1 to 48 of the characters a to z, 0 to 9 and `_`; the first is not a digit.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// Lets [`build`](Self::build) apply missing migrations, or not; `true` if not set. With
    /// `false`, `build` fails where some are missing.
    #[must_use]
    pub fn migrate_at_start(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// Time between two sweeps, which delete rows whose time has ended. Give or take a quarter; 60
    /// seconds if not set.
    #[must_use]
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.sweep_every = interval;
        self
    }

    /// Counts leases and retention by `clock`; by [`WallClock`] if not set.
    ///
    /// Every process that uses the file must use a clock that shows the same time.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Applies the migrations that are missing, and does nothing else.
    ///
    /// # Errors
    /// A name is not allowed, the file cannot be opened or written, or a newer release has migrated
    /// it.
    pub async fn migrate(self) -> Result<(), SetupError> {
        let table = checked("table", self.table)?;
        let mut open = Connector::new(self.options).first().await?;
        schema::migrate(&mut open.connection, &table).await
    }

    /// The schema as text, with the name that is set. See [`SqliteStore::migration_sql`].
    ///
    /// # Errors
    /// A name is not allowed.
    pub fn migration_sql(&self) -> Result<String, SetupError> {
        Ok(schema::text(&checked("table", self.table.as_str())?, 0))
    }

    /// Opens the file, checks it, and starts the store on the present tokio runtime.
    ///
    /// # Errors
    /// As for [`migrate`](Self::migrate). Also where the schema is not the one that this release
    /// works with, or a setting would lose what has been acknowledged.
    pub async fn build(self) -> Result<SqliteStore, SetupError> {
        let table = checked("table", self.table)?;
        if self.sweep_every.is_zero() {
            return Err(SetupError::setting(NAME, "an interval between sweeps must be longer than zero"));
        }
        let mut connector = Connector::new(self.options);
        let mut open = connector.first().await?;
        if let Some(pool) = &self.pool {
            check_pool(pool).await?;
        }
        prepare(&mut open.connection, &table, self.migrate).await?;
        Ok(start(connector, open, self.pool, Arc::new(Sql::new(&table)), self.clock, self.sweep_every))
    }
}

impl fmt::Debug for SqliteStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shows only the file: the other options may hold the key of an encrypted file.
        f.debug_struct("SqliteStoreBuilder")
            .field("file", &self.options.get_filename())
            .field("table", &self.table)
            .field("migrate", &self.migrate)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}

async fn prepare(connection: &mut SqliteConnection, table: &str, migrate: bool) -> Result<(), SetupError> {
    if migrate { schema::migrate(connection, table).await } else { schema::verify(connection, table).await }
}

fn start(
    connector: Connector,
    open: Open,
    pool: Option<SqlitePool>,
    sql: Arc<Sql>,
    clock: Arc<dyn Clock>,
    sweep_every: Duration,
) -> SqliteStore {
    let (notifier, turns) = (Notifier::default(), Turns::default());
    let ledger = Arc::new(SqliteLedger { sql: Arc::clone(&sql), clock: Arc::clone(&clock) });
    let offers = pool.map(|pool| {
        let pool = SqliteLending { pool, turns: turns.clone() };
        Offers::default().and(Offer::<Sqlite> { pool, ledger })
    });
    let waiters = Waiters::start(connector.clone(), Arc::clone(&sql), Arc::clone(&clock), notifier.clone());
    let reader =
        StuckReader { connector: connector.clone(), sql: Arc::clone(&sql), clock: Arc::clone(&clock) };
    let writer = Arc::new(Writer::new(connector, open, sql, clock, notifier.clone(), turns));
    let calls = Batches::start(NAME, 1, MOST, move |ops| Arc::clone(&writer).send(ops));
    let shared = Arc::new(SqliteShared { calls, notifier, waiters, reader, offers });
    tokio::spawn(sweeper::run(Arc::downgrade(&shared), sweep_every));
    SqliteStore(shared)
}
