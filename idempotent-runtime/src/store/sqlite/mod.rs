//! A store on one machine: keys in a SQLite file, which survive the process and are shared by all
//! processes that open the file.

mod batch;
mod builder;
mod checkpointer;
mod connect;
mod failure;
mod fair_lock;
mod fast_path;
mod files;
mod guard;
mod ledger;
mod poller;
mod rows;
mod schema;
mod sql;
mod stuck;
mod sweeper;
mod transaction;
mod turns;
mod wal;
mod writer;

use std::{any::Any, fmt, path::Path, sync::Arc, time::Duration};

use sqlx::SqlitePool;

pub use self::builder::SqliteStoreBuilder;
use self::{
    batch::{Op, OpAnswer},
    failure::NAME,
    poller::{Knows, Waiters},
    sql::SWEPT,
    stuck::StuckReader,
};
use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, SetupError, Store, StoreError, Stuck, StuckRequest,
    remote::{Batches, Notifier},
    transactional::Offers,
};
use crate::request::Address;

/// Keeps claims and records in a SQLite file. Clones share everything.
///
/// For the processes of one machine. The file must be on a local disk: SQLite's locks and shared
/// memory do not work over a network.
///
/// # What it guarantees
///
/// - **Restart, crash of a process, loss of power.** Everything acknowledged is on disk: the
///   journal is a write-ahead log and `synchronous` is `FULL` on the connection that writes. Only
///   the claim of a `transaction` is on disk as late as the transaction itself. A claim whose
///   process died is found by the next claim after its lease.
/// - **Several processes.** Claims exclude each other by the file's write lock, so one of them
///   wins. Where processes write all the time they stand in line, so that each is answered. A file
///   beside the database whose name ends in `-line` serves that, and may be deleted.
/// - **Nothing is evicted.** A row is deleted when its time has ended, and not before. A full disk
///   refuses new keys.
/// - **A damaged file** is an error, and never a new execution. SQLite notices damage to its
///   structure when it reads it. A record's own bytes carry a checksum.
///
/// - **A file that is deleted or moved away** under a running process is an error from the next
///   call on. SQLite by itself would go on writing to what nobody finds again.
///
/// There are two things that the store cannot guarantee. Started on an older copy of the file, or
/// on a new file, it knows nothing of what that file does not hold. And a disk may lose data that
/// it has reported as synced.
///
/// # Time
///
/// SQLite has no server whose clock could decide, so the machine's wall clock does. It is read anew
/// for each transaction. The processes of one machine agree on it at every moment, and it goes on
/// after a restart. That has a price. A clock that is set forward by more than a lease makes
/// running claims look abandoned until they are renewed. A clock that is set back prolongs them.
/// Keep the clock steady with a time service that slews. See [`WallClock`](crate::WallClock).
///
/// # How it works
///
/// One writer, on a connection of its own, takes all calls that wait and commits them together. So
/// under load many claims and completions share one sync of the disk. A lone call does not wait for
/// others. Where the application hands in a pool, the store takes from it the way to open the file
/// (but not its `after_connect`), and none of its connections.
///
/// The log is moved into the file beside the writer, so no call waits while many pages are written.
/// The log is the file that ends in `-wal`. It grows to about 200 MB, to twice as much where the
/// disk is slow, and to more while somebody reads an older state. After a crash the process that
/// opens the file first reads all of the log. Commits of other connections, such as the
/// application's transactions on this file, move the log as those connections are set to. All
/// commits do so where SQLite is older than 3.51.3, which could lose commits otherwise. The SQLite
/// that sqlx 0.9 brings is newer.
///
/// The writer keeps up to 128 MiB of the file's pages in memory, since each claim looks at random
/// pages of the index of all addresses. Where the application writes to the same file, its
/// transactions and the store's wait for each other. A call gives up after about two seconds.
/// Transactions that take longer belong in another file.
///
/// Duplicates in this process are woken at once. Changes by other processes are found by a look at
/// SQLite's change counter, every 2 to 20 ms, while somebody waits and not otherwise.
///
/// ```no_run
/// use idempotent_runtime::{Idempotency, SqliteStore};
///
/// # async fn set_up() -> Result<Idempotency, Box<dyn std::error::Error>> {
/// let store = SqliteStore::open("/var/lib/shop/keys.db").await?;
/// Ok(Idempotency::builder().store(store).build()?)
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore(Arc<SqliteShared>);

/// The parts that all clones of a store share.
struct SqliteShared {
    calls: Batches<Op, OpAnswer>,
    notifier: Notifier,
    waiters: Waiters,
    reader: StuckReader,
    offers: Option<Offers>,
}

impl SqliteStore {
    /// Opens the file that `pool` opens, and migrates it. Must be called on a tokio runtime, which
    /// the store's tasks run on.
    ///
    /// # Errors
    /// The file cannot be opened or written, a newer release has migrated it, or the pool's
    /// settings would lose what has been acknowledged: a database in memory, or
    /// `synchronous = OFF`.
    pub async fn new(pool: SqlitePool) -> Result<Self, SetupError> {
        Self::builder(pool).build().await
    }

    /// Opens the file at `location`, a path or a URL that begins with `sqlite:`, creates it where
    /// it is missing, and migrates it.
    ///
    /// # Errors
    /// As for [`new`](Self::new); also where `location` is not understood.
    pub async fn open(location: impl AsRef<Path>) -> Result<Self, SetupError> {
        Self::builder_at(location)?.build().await
    }

    /// A store with other settings, in the file that `pool` opens.
    pub fn builder(pool: SqlitePool) -> SqliteStoreBuilder {
        SqliteStoreBuilder::with_pool(pool)
    }

    /// A store with other settings, in the file at `location`: a path, or a URL that begins with
    /// `sqlite:`.
    ///
    /// # Errors
    /// `location` is not understood.
    pub fn builder_at(location: impl AsRef<Path>) -> Result<SqliteStoreBuilder, SetupError> {
        SqliteStoreBuilder::with_location(location.as_ref())
    }

    /// The schema as text, for tools that migrate a database: sqlx-cli, refinery, `sqlite3`. The
    /// table is `idempotency_keys`; for another name see [`SqliteStoreBuilder::migration_sql`].
    ///
    /// The text is versioned: it is made for an empty place, and a second application is an error.
    /// It has no `BEGIN` and no `COMMIT`, since those tools make a transaction of each file; for
    /// `sqlite3 -bail` write them around it. A release never changes what an earlier one gave. A
    /// later version of the schema is a part that comes behind it, which begins with `-- Version`,
    /// and is a file of its own for a database that has the parts before.
    ///
    /// ```no_run
    /// use idempotent_runtime::SqliteStore;
    ///
    /// std::fs::write("migrations/20260301120000_idempotent.sql", SqliteStore::migration_sql())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn migration_sql() -> String {
        schema::text(schema::TABLE, 0)
    }

    /// Deletes the rows whose time has ended, and the records of keys that are remembered as
    /// expired. Gives the number of both together. The store also does this by itself every so
    /// often.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.0.sweep().await
    }

    /// Number of looks so far for changes by other processes. The store looks only while somebody
    /// waits.
    pub fn polls(&self) -> u64 {
        self.0.waiters.looks()
    }
}

impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.0.claim(request.hold.address, Op::Claim(request)).await
    }

    async fn claim_for_transaction(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.0.claim(request.hold.address, Op::ClaimForTransaction(request)).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        match self.0.call(Op::Renew(hold, lease)).await? {
            OpAnswer::Renewal(renewal) => Ok(renewal),
            other => Err(mixed_up(&other)),
        }
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        match self.0.call(Op::Complete(hold, record, retention)).await? {
            OpAnswer::Completion(completion) => Ok(completion),
            other => Err(mixed_up(&other)),
        }
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        match self.0.call(Op::Release(hold)).await? {
            OpAnswer::Released => Ok(()),
            other => Err(mixed_up(&other)),
        }
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        match self.0.call(Op::Resolve(request)).await? {
            OpAnswer::Resolve(resolve) => Ok(resolve),
            other => Err(mixed_up(&other)),
        }
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        match self.0.call(Op::Inspect(address)).await? {
            OpAnswer::Inspected(found) => Ok(found),
            other => Err(mixed_up(&other)),
        }
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        match self.0.call(Op::Forget(request)).await? {
            OpAnswer::Forget(forget) => Ok(forget),
            other => Err(mixed_up(&other)),
        }
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        self.0.reader.stuck(&request).await
    }

    fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.0.offers.as_ref().map(|offers| offers as _)
    }

    async fn changed(&self, address: Address) {
        let (mut waiter, knows) = match self.0.notifier.take(address) {
            Some(waiter) => (waiter, Knows::Claimed),
            None => (self.0.notifier.listen(address), Knows::Nothing),
        };
        let _waiting = self.0.waiters.join(knows);
        waiter.notified().await;
    }
}

impl SqliteShared {
    async fn claim(&self, address: Address, claim: Op) -> Result<Claim, StoreError> {
        let waiter = self.notifier.listen(address);
        let claim = match self.call(claim).await? {
            OpAnswer::Claim(claim) => claim,
            other => return Err(mixed_up(&other)),
        };
        if matches!(claim, Claim::InFlight { .. }) {
            self.notifier.keep(waiter);
        }
        Ok(claim)
    }

    async fn call(&self, op: Op) -> Result<OpAnswer, StoreError> {
        match self.calls.call(op).await? {
            OpAnswer::Damaged(what) => Err(StoreError::unreadable(NAME, format!("a row is damaged: {what}"))),
            answer => Ok(answer),
        }
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            match self.call(Op::Sweep).await? {
                OpAnswer::Swept(rows) if rows < SWEPT => return Ok(total + rows),
                OpAnswer::Swept(rows) => total += rows,
                other => return Err(mixed_up(&other)),
            }
        }
    }
}

fn mixed_up(answer: &OpAnswer) -> StoreError {
    let kind = match answer {
        OpAnswer::Claim(_) => "claim",
        OpAnswer::Renewal(_) => "renewal",
        OpAnswer::Completion(_) => "completion",
        OpAnswer::Released => "release",
        OpAnswer::Resolve(_) => "resolution",
        OpAnswer::Inspected(_) | OpAnswer::Forget(_) => "look",
        _ => "sweep",
    };
    StoreError::unavailable(NAME, format!("a call was given the answer to a {kind}"))
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("notifier", &self.0.notifier).finish_non_exhaustive()
    }
}
