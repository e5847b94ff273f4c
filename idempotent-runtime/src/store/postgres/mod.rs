//! A PostgreSQL table: many machines, one server.

mod builder;
mod calls;
mod connections;
#[cfg(feature = "diesel-async")]
mod diesel;
mod durability;
mod failure;
mod function;
mod inspect;
mod lanes;
mod ledger;
mod listen;
mod migrate;
mod names;
mod pool_mode;
mod pooler;
mod pools;
mod rights;
#[cfg(feature = "sea-orm")]
mod sea_orm;
mod statements;
mod sweep;
mod transaction;

use std::{any::Any, fmt, sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

#[cfg(feature = "diesel-async")]
pub use self::diesel::DieselPg;
#[cfg(feature = "sea-orm")]
pub use self::sea_orm::SeaOrm;
pub use self::{builder::PostgresStoreBuilder, pool_mode::PoolMode};
use self::{
    calls::Call,
    failure::{NAME, unreachable},
    inspect::Inspector,
    lanes::Lanes,
    names::Names,
    sweep::Sweeper,
};
use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, SetupError, Store, StoreError, Stuck, StuckRequest,
    remote::{Reply, Tasks, Wakeups, Word},
    transactional::Offers,
};
use crate::request::Address;

/// Keeps claims and records in a PostgreSQL table, for any number of machines. Clones share
/// everything.
///
/// ```no_run
/// use idempotent_runtime::{Idempotency, PostgresStore};
/// use sqlx::PgPool;
///
/// # async fn set_up() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPool::connect("postgres://app@db.internal/shop").await?;
/// let idempotency = Idempotency::builder().store(PostgresStore::new(pool).await?).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # What it does
///
/// A claim is an insertion under a primary key, so of any number of nodes that claim one address
/// PostgreSQL lets one insert. Each call is one round trip: one call of a function, which is one
/// transaction that the server begins and ends. No client holds a transaction open, so a client
/// that dies leaves none behind.
///
/// A lone call is sent at once. Calls that arrive while others are under way share the next
/// statement, and its commit: under load a commit's cost is divided among many requests. A row may
/// be locked by somebody else (a person's transaction, a commit that hangs). Calls for that row
/// fail after a second or so, with nothing done. Other calls wait for it for a tenth of a second,
/// once. Any other failure of a statement fails all the calls it carries. A statement carries and
/// answers with about 4 MiB of records, or one longer record.
///
/// A duplicate on another node waits for a notification (`LISTEN`/`NOTIFY`) and holds no
/// connection. Where there are no notifications the store looks at the entries that are waited for:
/// after some milliseconds at first, and at last once each half second, whatever number of requests
/// waits.
///
/// # Connections
///
/// The store makes connections of its own, with the options of the pool it is given, 10 at most by
/// default: 4 for calls ([`connections`](PostgresStoreBuilder::connections)), one for
/// notifications, one for rows that others have locked, one for the claims of transactions, one
/// while it sweeps, and two for operators who look at keys. It takes none out of the pool: handlers
/// that hold all of the pool's connections must not keep their own leases from being renewed. A
/// pool's `after_connect` hooks are not run on the store's connections.
///
/// Connections are encrypted only if sqlx is built with TLS, which is a feature of the
/// application's own sqlx dependency (`tls-rustls` or `tls-native-tls`).
///
/// # Poolers
///
/// The store works behind PgBouncer in transaction mode, as Supabase and Neon run it, and behind
/// poolers like it. It recognises them when it is built. It leaves nothing on a session of the
/// server's that others get: no setting, no prepared statement, no listener. A call is one round
/// trip as ever, a text that brings its settings and its values. The log of a server that logs
/// statements then shows the records in them, in hexadecimal. There are no notifications.
///
/// A pooler in session mode may be taken for one in transaction mode:
/// [`pool_mode`](PostgresStoreBuilder::pool_mode) says what it is. A pooler that the store cannot
/// work with is an error that names the remedy: one in statement mode, which allows no
/// transactions, one that takes no simple queries, and one in session mode that has no session to
/// spare.
///
/// Where the store listens for notifications, it tests at start that one of its own arrives. If it
/// does not, the log says so once, and duplicates on other nodes look for their response.
///
/// Statements that handlers send on the application's pool are their own. By default sqlx names its
/// statements, and a PgBouncer before 1.21 does not know them: use `.persistent(false)` within the
/// transaction. `transaction` itself names none there.
///
/// # What it guarantees
///
/// - *The server restarts or crashes*: nothing acknowledged is lost, with PostgreSQL's own defaults
///   (`fsync`, `full_page_writes` and `synchronous_commit` on). Where they are off the store says
///   so in the log when it starts. Then the last claims and responses may be lost, so that their
///   requests run again. While the server is away, requests are refused with `store_unavailable`.
///   The first call after its return succeeds, without a restart.
/// - *The server stands still in its commits* (a synchronous standby is missing, a disk hangs):
///   requests are refused with `store_unavailable` after two seconds. Nobody sees what they have
///   written until the server goes on. The store's nodes then give it back, and the keys are free.
///   Where that takes longer than a lease, a retry may be there first, and its key is
///   `outcome_unknown`, although nothing ran.
/// - *Its disk is full*: new keys are refused with `store_full`. Keys that are there are replayed,
///   renewed and completed as far as their rows find room. Where there is no room for the server's
///   log, PostgreSQL stops: that is a crash.
/// - *A node crashes*: its claims end with their leases. The `abandoned` policy decides what a
///   retry gets.
/// - *Failover*: everything that a synchronous standby has confirmed survives. With asynchronous
///   replication the claims and responses that the standby had not received are lost, and their
///   requests may run again.
/// - *Eviction*: none. A key is forgotten when its time has ended, and its row is deleted later, in
///   batches, by one node at a time.
/// - *Clocks*: only the database server's clock counts, so the clocks of the nodes may differ. A
///   server whose clock is set forward ends leases early: a claim is then seen as abandoned while
///   its handler runs.
///
/// Claims are decided under `READ COMMITTED`, which the store's connections are set to. The
/// functions refuse any other isolation.
///
/// # The schema
///
/// [`new`](Self::new) and [`build`](PostgresStoreBuilder::build) migrate, unless told otherwise.
/// Where nothing is to be done they need no right to create anything.
/// [`PostgresStoreBuilder::migrate`] does so as a step of its own, and
/// [`migration_sql`](Self::migration_sql) is the text for another tool. A user other than the one
/// who has migrated needs these rights, and no more. A missing right is an error that names it when
/// the store is built.
///
/// ```sql
/// GRANT USAGE ON SCHEMA idempotent TO app;
/// GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent.keys TO app;
/// GRANT SELECT ON idempotent.keys_versions TO app;
/// GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA idempotent TO app; -- given to all, unless revoked
/// ```
///
/// A row takes up about 150 bytes beside its record, the name of its endpoint and its places in two
/// indexes.
#[derive(Clone)]
pub struct PostgresStore(Arc<PostgresShared>);

/// The parts that all clones of a store share.
struct PostgresShared {
    calls: Lanes,
    inspector: Inspector,
    wakeups: Wakeups,
    sweeper: Sweeper,
    offers: Offers,
    _tasks: Tasks,
}

impl PostgresStore {
    /// A store in the database of `pool`, in the table `idempotent.keys`, which is made if it is
    /// missing.
    ///
    /// # Errors
    /// A schema of another version, or a server that does not answer or refuses.
    pub async fn new(pool: PgPool) -> Result<Self, SetupError> {
        Self::builder(pool).build().await
    }

    /// A store in the database that `url` names: `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// As for [`new`](Self::new); also a URL that is not one.
    pub async fn connect(url: &str) -> Result<Self, SetupError> {
        Self::at(url)?.build().await
    }

    /// A store with other settings in the database that `url` names, for applications whose own
    /// pool is another library's: [`transactions`](PostgresStoreBuilder::transactions) takes it.
    ///
    /// The pool of sqlx's that belongs to it opens no connection, unless a handler asks for an
    /// `IdempotentTx<Postgres>`.
    ///
    /// # Errors
    /// A URL that is not one.
    pub fn at(url: &str) -> Result<PostgresStoreBuilder, SetupError> {
        let options: PgConnectOptions = url.parse().map_err(unreachable)?;
        // Poolers refuse to be asked for the digits of floating-point numbers.
        Ok(Self::builder(PgPoolOptions::new().connect_lazy_with(options.extra_float_digits(None))))
    }

    /// A store with other settings.
    pub fn builder(pool: PgPool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(pool)
    }

    /// The schema as text, for tools that migrate a database: sqlx-cli, refinery, Flyway, psql. The
    /// schema is `idempotent` and the table `keys`; for other names see
    /// [`PostgresStoreBuilder::migration_sql`].
    ///
    /// The text is versioned: it is made for an empty place, and a second application is an error
    /// that changes nothing. It has no `BEGIN` and no `COMMIT`, since those tools make a
    /// transaction of each file; `psql` does so with `--single-transaction`. A release never
    /// changes what an earlier one gave. A later version of the schema is a part that comes behind
    /// it, which begins with `-- Version`, and is a file of its own for a database that has the
    /// parts before.
    ///
    /// ```no_run
    /// use idempotent_runtime::PostgresStore;
    ///
    /// std::fs::write("migrations/20260301120000_idempotent.sql", PostgresStore::migration_sql())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn migration_sql() -> String {
        migrate::text(&Names::default(), 0)
    }

    /// Deletes the rows of forgotten keys and drops expired records now. Gives their number; 0
    /// where another node is sweeping. The store also does this by itself from time to time.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let sweeper = self.0.sweeper.clone();
        let swept = tokio::spawn(async move { sweeper.sweep().await }).await;
        swept.unwrap_or_else(|error| Err(StoreError::unavailable(NAME, error)))
    }

    /// Number of looks so far at claims that are waited for: does the claim still stand? Each is
    /// looked at every few seconds, and more often only while notifications are down.
    pub fn polls(&self) -> u64 {
        self.0.wakeups.looks()
    }

    async fn claimed(&self, claim: Call) -> Result<Claim, StoreError> {
        let waiter = self.0.wakeups.listen(claim.hold.address);
        let claim = self.call(claim).await?.into_claim(NAME)?;
        self.0.wakeups.claimed(waiter, &claim);
        Ok(claim)
    }

    async fn call(&self, call: Call) -> Result<Reply, StoreError> {
        self.0.calls.call(call).await
    }

    /// True where the address is claimed. True also where the store cannot say now: the poller
    /// finds out later.
    async fn may_be_claimed(&self, address: Address) -> bool {
        self.call(Call::look(address)).await.map_or(true, |reply| reply.word == Word::Claimed)
    }
}

impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claimed(Call::claim(request)).await
    }

    async fn claim_for_transaction(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claimed(Call { durable: false, ..Call::claim(request) }).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.call(Call::renew(hold, lease)).await?.into_renewal(NAME)
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let completion = self.call(Call::complete(hold, record, retention)).await?.into_completion(NAME)?;
        self.0.wakeups.notify(hold.address);
        Ok(completion)
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.call(Call::release(hold)).await?;
        self.0.wakeups.notify(hold.address);
        Ok(())
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        let address = request.address;
        let resolve = self.call(Call::resolve(request)).await?.into_resolve(NAME)?;
        self.0.wakeups.notify(address);
        Ok(resolve)
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        self.0.inspector.inspect(address).await
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        let forget = self.call(Call::forget(request)).await?.into_forget(NAME)?;
        self.0.wakeups.notify(request.address);
        Ok(forget)
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        self.0.inspector.stuck(&request).await
    }

    fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.0.offers)
    }

    async fn changed(&self, address: Address) {
        self.0.wakeups.changed(address, self.may_be_claimed(address)).await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("wakeups", &self.0.wakeups).finish_non_exhaustive()
    }
}
