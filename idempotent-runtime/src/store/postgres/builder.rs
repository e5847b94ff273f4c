//! Setting a store up.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection, PgConnection, PgPool, Postgres};

use super::{
    PoolMode, PostgresShared, PostgresStore,
    calls::Call,
    connections::{self, Connections},
    durability,
    failure::NAME,
    inspect::Inspector,
    lanes::Lanes,
    ledger::PostgresLedger,
    listen::Notifications,
    migrate,
    names::{self, Names},
    pooler,
    pools::OtherPools,
    rights,
    statements::Statements,
    sweep::Sweeper,
    transaction::PostgresPool,
};
use crate::{
    request::Address,
    store::{
        SetupError,
        remote::{Tasks, Wakeups, Word},
        transactional::{Offer, Offers, TransactionalDatabase},
    },
};

/// Number of connections for calls, unless the pool has fewer.
const CONNECTIONS: usize = 4;

/// Settings of a [`PostgresStore`].
#[derive(Clone, Debug)]
#[must_use = "settings make a store when they are built"]
pub struct PostgresStoreBuilder {
    pool: PgPool,
    schema: String,
    table: String,
    migrate_at_start: bool,
    connections: usize,
    sweep_every: Duration,
    pool_mode: Option<PoolMode>,
    others: OtherPools,
}

impl PostgresStoreBuilder {
    pub(super) fn new(pool: PgPool) -> Self {
        let connections = CONNECTIONS.min(pool.options().get_max_connections() as usize).max(1);
        PostgresStoreBuilder {
            pool,
            schema: names::SCHEMA.to_owned(),
            table: names::TABLE.to_owned(),
            migrate_at_start: true,
            connections,
            sweep_every: Duration::from_secs(60),
            pool_mode: None,
            others: OtherPools::default(),
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

    /// Number of connections of the store's own for calls, and so of statements that may be under
    /// way at a time. 4 if not set, or as many as the pool may have if that is fewer. Calls that
    /// arrive while all are in use share the next statement. A store makes six connections more at
    /// most, which its own page counts.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
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

    /// Another library's pool of the same database, whose transactions handlers may have too, as
    /// [`IdempotentTx<DB>`](crate::IdempotentTx). The last pool of each `DB` counts. Those of the
    /// store's own pool, `IdempotentTx<Postgres>`, are there in any case.
    ///
    /// [`build`](Self::build) runs one transaction with it.
    pub fn transactions<DB: TransactionalDatabase>(mut self, pool: DB::Pool) -> Self {
        self.others.push::<DB>(pool);
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
        let mut connection =
            connections::open(&connections::options(&self.pool)).await.map_err(pooler::refused)?;
        migrate::migrate(&mut connection, &names).await?;
        let _ = connection.close().await;
        Ok(())
    }

    /// The schema as text, with the names that are set. See [`PostgresStore::migration_sql`].
    ///
    /// # Errors
    /// A name that cannot be one.
    pub fn migration_sql(&self) -> Result<String, SetupError> {
        Ok(migrate::text(&Names::new(&self.schema, &self.table)?, 0))
    }

    /// The store. Its tasks run on the present runtime until the last clone is dropped.
    ///
    /// # Errors
    /// A setting that cannot work, a schema that is missing or of another version, rights that the
    /// user lacks, a pooler that the store cannot work with, a pool of
    /// [`transactions`](Self::transactions) in which none can be run, or a server that does not
    /// answer or refuses.
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
        let ledger = Arc::new(PostgresLedger::new(mode, &names));
        self.others.check(&mut connection, &ledger).await?;
        let pool = PostgresPool { pool: self.pool.clone(), mode };
        let own = Offers::default().and(Offer::<Postgres> { pool, ledger: ledger.clone() });
        let offers = self.others.offered(own, ledger);
        let connections = Connections::new(self.pool, mode);
        connections.adopt(connection).await;
        Ok(start(Arc::new(connections), names, offers, self.connections, self.sweep_every).await)
    }

    /// A connection to set the store up with, and its mode.
    async fn connect(&self) -> Result<(PgConnection, PoolMode), SetupError> {
        let options = connections::options(&self.pool);
        let Some(mode) = self.pool_mode else { return pooler::recognise(&options).await };
        Ok((connections::open(&options).await.map_err(pooler::refused)?, mode))
    }

    fn checked(&self) -> Result<Names, SetupError> {
        if self.connections == 0 {
            return Err(SetupError::setting(NAME, "it needs at least one connection"));
        }
        if self.sweep_every.is_zero() {
            return Err(SetupError::setting(NAME, "the pause between sweeps must be longer than nothing"));
        }
        Names::new(&self.schema, &self.table)
    }
}

async fn start(
    connections: Arc<Connections>,
    names: Names,
    offers: Offers,
    lanes: usize,
    sweep_every: Duration,
) -> PostgresStore {
    let calls = Lanes::start(Statements::new(Arc::clone(&connections), &names), lanes);
    let inspector = Inspector::new(Arc::clone(&connections), &names);
    let sweeper = Sweeper::new(Arc::clone(&connections), &names);
    let looking = calls.clone();
    let look = move |address| still_claimed(looking.clone(), address);
    let wakeups = match connections.mode() {
        PoolMode::Session => Wakeups::start(NAME, Notifications::new(connections, names), look).await,
        PoolMode::Transaction => {
            tracing::info!(
                store = NAME,
                "a pooler lends sessions of the server: no notifications; duplicates on other nodes look for their response"
            );
            Wakeups::by_looks(look)
        }
    };
    let tasks = Tasks::new([tokio::spawn(sweeper.clone().every(sweep_every))]);
    PostgresStore(Arc::new(PostgresShared { calls, inspector, wakeups, sweeper, offers, _tasks: tasks }))
}

/// True where an address is claimed. `None` where that cannot be known now.
async fn still_claimed(calls: Lanes, address: Address) -> Option<bool> {
    calls.call(Call::look(address)).await.ok().map(|reply| reply.word == Word::Claimed)
}
