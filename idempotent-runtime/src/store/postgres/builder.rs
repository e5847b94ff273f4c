//! Setting a store up.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection, PgConnection, PgPool};

use super::{
    Inner, NAME, PoolMode, PostgresStore,
    calls::Call,
    durability,
    lanes::Lanes,
    link::{self, Link},
    looks::Looks,
    migrate,
    names::Names,
    pool_mode, rights,
    sweep::Sweeper,
    transaction::Transactions,
    trips::Carrier,
    wake::Notifications,
};
use crate::{
    request::Address,
    store::{
        SetupError,
        remote::{Tasks, Wakes},
    },
};

/// Number of statements that are under way at a time, unless the pool has fewer connections.
const LANES: usize = 4;

/// Settings of a [`PostgresStore`].
#[derive(Clone, Debug)]
#[must_use = "settings make a store when they are built"]
pub struct PostgresStoreBuilder {
    pool: PgPool,
    schema: String,
    table: String,
    migrate_at_start: bool,
    lanes: usize,
    sweep_every: Duration,
    pool_mode: Option<PoolMode>,
}

impl PostgresStoreBuilder {
    pub(super) fn new(pool: PgPool) -> Self {
        let lanes = LANES.min(pool.options().get_max_connections() as usize).max(1);
        PostgresStoreBuilder {
            pool,
            schema: "idempotent".to_owned(),
            table: "keys".to_owned(),
            migrate_at_start: true,
            lanes,
            sweep_every: Duration::from_secs(60),
            pool_mode: None,
        }
    }

    /// The schema that holds the keys; `idempotent` if not set. Made by the migration if it is
    /// missing.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// The table that holds the keys; `keys` if not set. The names of its index, functions and
    /// version table begin with this name.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// Lets [`build`](Self::build) migrate, or not; it does if not told otherwise. With `false`, a
    /// schema that is missing or of another version is an error.
    pub fn migrate_at_start(mut self, migrates: bool) -> Self {
        self.migrate_at_start = migrates;
        self
    }

    /// Number of statements that may be under way at a time, each on a connection of the store's
    /// own. 4 if not set, or as many as the pool may have connections if that is fewer. Calls that
    /// arrive while all are under way share the next statement.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes;
        self
    }

    /// Time between two searches for the rows of forgotten keys; one minute if not set.
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.sweep_every = interval;
        self
    }

    /// Time for which a connection keeps its session on the server. The store recognises it when it
    /// is built, if it is not set.
    ///
    /// Every pooler that is recognised is taken for one in transaction mode, which is right for all
    /// and costs notifications. Behind one in session mode [`PoolMode::Session`] brings them back.
    pub fn pool_mode(mut self, mode: PoolMode) -> Self {
        self.pool_mode = Some(mode);
        self
    }

    /// Brings the schema up to what this release works with, and does nothing else. For deployments
    /// that migrate as another user, or as a step of their own. Any number of nodes may do so at
    /// once.
    ///
    /// # Errors
    /// A name that cannot be one, a schema of a newer release, or a server that does not answer or
    /// refuses.
    pub async fn migrate(self) -> Result<(), SetupError> {
        let names = Names::new(&self.schema, &self.table)?;
        let mut connection = link::open(&link::options(&self.pool)).await.map_err(pool_mode::refused)?;
        migrate::migrate(&mut connection, &names).await?;
        let _ = connection.close().await;
        Ok(())
    }

    /// The store. Its tasks run on the present runtime until the last clone is dropped.
    ///
    /// # Errors
    /// A setting that cannot work, a schema that is missing or of another version, rights that the
    /// user lacks, a pooler that the store cannot work with, or a server that does not answer or
    /// refuses.
    pub async fn build(self) -> Result<PostgresStore, SetupError> {
        let names = self.checked()?;
        let (mut connection, mode) = self.connect().await?;
        rights::to_use(&mut connection, &names).await?;
        if self.migrate_at_start {
            migrate::migrate(&mut connection, &names).await?;
        } else {
            migrate::check(&mut connection, &names).await?;
        }
        durability::warn(&mut connection).await?;
        let transactions = Transactions::new(self.pool.clone(), mode, &names);
        let link = Link::new(self.pool, mode);
        link.adopt(connection).await;
        Ok(start(Arc::new(link), names, transactions, self.lanes, self.sweep_every).await)
    }

    /// A connection to set the store up with, and its mode.
    async fn connect(&self) -> Result<(PgConnection, PoolMode), SetupError> {
        let options = link::options(&self.pool);
        let Some(mode) = self.pool_mode else { return pool_mode::recognise(&options).await };
        Ok((link::open(&options).await.map_err(pool_mode::refused)?, mode))
    }

    fn checked(&self) -> Result<Names, SetupError> {
        if self.lanes == 0 {
            return Err(setting("it needs at least one lane"));
        }
        if self.sweep_every.is_zero() {
            return Err(setting("the pause between sweeps must be longer than nothing"));
        }
        Names::new(&self.schema, &self.table)
    }
}

fn setting(why: &str) -> SetupError {
    SetupError::Setting { store: NAME, why: why.to_owned() }
}

async fn start(
    link: Arc<Link>,
    names: Names,
    transactions: Transactions,
    lanes: usize,
    sweep_every: Duration,
) -> PostgresStore {
    let calls = Lanes::start(Carrier::new(Arc::clone(&link), &names), lanes);
    let looks = Looks::new(Arc::clone(&link), &names);
    let sweeper = Sweeper::new(Arc::clone(&link), &names);
    let looking = calls.clone();
    let look = move |address| still_claimed(looking.clone(), address);
    let wakes = match link.mode() {
        PoolMode::Session => Wakes::start(NAME, Notifications { link, names }, look).await,
        PoolMode::Transaction => {
            tracing::info!(
                store = NAME,
                "a pooler lends sessions of the server: no notifications; duplicates on other nodes look for their response"
            );
            Wakes::by_looks(look)
        }
    };
    let tasks = Tasks::new([tokio::spawn(sweeper.clone().every(sweep_every))]);
    PostgresStore(Arc::new(Inner { calls, looks, wakes, sweeper, transactions, _tasks: tasks }))
}

/// True where an address is claimed. `None` where that cannot be known now.
async fn still_claimed(calls: Lanes, address: Address) -> Option<bool> {
    calls.call(Call::look(address)).await.ok().map(|answer| answer.is_claimed())
}
