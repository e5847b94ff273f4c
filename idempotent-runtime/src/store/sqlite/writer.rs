//! The one writer. It reads, decides and writes all queued calls in one transaction, and answers
//! once that is on disk.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{
    batch::{Entries, Op, OpAnswer, addresses, may_be_lost},
    checkpointer::Checkpointer,
    connect::{Busy, Connector, OnDisk, Open},
    failure::{BUSY, Failure, is},
    fair_lock::FairLock,
    rows,
    sql::{COMMIT, Sql},
    turns::{Turns, WRITE_TIMEOUT},
};
use crate::{
    clock::{Clock, Timestamp},
    request::Address,
    store::{StoreError, entry::Entry, remote::Notifier},
};

// The connection is in its slot, or with the batch that uses it:
//
//   in its slot ─ a batch begins ─────────▶ with the batch
//   none        ─ a batch begins ─▶ opened ▶ with the batch
//   with the batch ─ committed ───────────────────────────────▶ in its slot
//                  ─ a failure, a panic, the runtime's end ───▶ closed; none
//
// Closing a connection rolls back what it has not committed. So a failure in the midst of a batch
// leaves nothing behind, and the next batch begins with a new connection. Only the lane of the
// batches moves the connection, one batch at a time.
pub(super) struct Writer {
    pub(super) connector: Connector,
    pub(super) sql: Arc<Sql>,
    pub(super) clock: Arc<dyn Clock>,
    notifier: Notifier,
    turns: Turns,
    fair_lock: FairLock,
    pub(super) checkpointer: Checkpointer,
    slot: Mutex<Option<Open>>,
}

/// The answers to a batch, and the addresses that were settled.
pub(super) type Answered = (Vec<OpAnswer>, Vec<Address>);

impl Writer {
    /// A writer that begins with `open`, and notifies of what is settled by `notifier`.
    pub(super) fn new(
        connector: Connector,
        open: Open,
        sql: Arc<Sql>,
        clock: Arc<dyn Clock>,
        notifier: Notifier,
        turns: Turns,
    ) -> Self {
        let (fair_lock, slot) = (connector.fair_lock(), Mutex::new(Some(open)));
        let checkpointer = Checkpointer::start(connector.clone(), turns.clone());
        Writer { connector, sql, clock, notifier, turns, fair_lock, checkpointer, slot }
    }

    /// Answers `ops`, in their order.
    ///
    /// # Errors
    /// The transaction failed. The calls are done as a whole or not at all.
    pub(super) async fn send(self: Arc<Self>, ops: Vec<Op>) -> Result<Vec<OpAnswer>, StoreError> {
        Ok(self.with_connection(ops).await?)
    }

    async fn with_connection(&self, ops: Vec<Op>) -> Result<Vec<OpAnswer>, Failure> {
        let _turn = self.turns.next(WRITE_TIMEOUT).await?;
        let mut open = match self.take() {
            Some(open) => open,
            None => self.connector.connect().await?,
        };
        match self.transact(&mut open, ops).await {
            Ok((answers, settled)) => {
                self.give_back(open);
                settled.into_iter().for_each(|address| self.notifier.notify(address));
                Ok(answers)
            }
            Err(failure) => {
                // Waits for the end of the connection, so that nothing of it is in the next
                // connection's way.
                let _ = open.connection.close().await;
                Err(failure)
            }
        }
    }

    async fn transact(&self, open: &mut Open, ops: Vec<Op>) -> Result<Answered, Failure> {
        open.commit_to_disk(if may_be_lost(&ops) { OnDisk::Later } else { OnDisk::AtOnce }).await?;
        if let [op] = &ops[..]
            && !self.fair_lock.is_to_be_joined()
            && let Some(answered) = self.fast_path(open, op).await?
        {
            return Ok(answered);
        }
        let addresses = addresses(&ops);
        let read = self.begin(&mut open.connection, &addresses).await?;
        open.check(&self.connector)?;
        self.finish(&mut open.connection, found(&read, &addresses)?, ops).await
    }

    fn take(&self) -> Option<Open> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn give_back(&self, open: Open) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    /// Takes the write lock, and only then reads. So what is read stays true until the commit.
    async fn begin(
        &self,
        connection: &mut SqliteConnection,
        addresses: &[Address],
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        if !self.fair_lock.is_to_be_joined() {
            match self.try_begin(connection, addresses).await {
                Err(error) if is(BUSY, &error) => {}
                read => return read,
            }
        }
        let mut busy = Busy::for_at_most(WRITE_TIMEOUT);
        let first = self.fair_lock.stand().await;
        loop {
            match self.try_begin(connection, addresses).await {
                Err(error) => busy.wait(error).await?,
                read => {
                    if let Some(first) = first {
                        self.fair_lock.leave(first);
                    }
                    return read;
                }
            }
        }
    }

    async fn try_begin(
        &self,
        connection: &mut SqliteConnection,
        addresses: &[Address],
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.begin)));
        let query = query.bind(rows::joined(addresses)).bind(rows::integer(addresses.len()));
        query.fetch_all(connection).await
    }

    /// Decides, writes and commits.
    async fn finish(
        &self,
        connection: &mut SqliteConnection,
        mut entries: Entries,
        ops: Vec<Op>,
    ) -> Result<Answered, Failure> {
        for op in &ops {
            if let Op::Forget(request) = op {
                self.read_beneath(connection, request.address, &mut entries).await?;
            }
        }
        let now = self.clock.now();
        let sweeps = ops.iter().any(|op| matches!(op, Op::Sweep));
        let swept = if sweeps { self.sweep(connection, now).await? } else { 0 };
        let answers = ops.into_iter().map(|op| entries.answer(op, swept, now)).collect();
        let changes = entries.into_changes();
        let rows = changes.put.len() + changes.delete.len() + usize::try_from(swept).unwrap_or_default();
        let bytes = changes.put.iter().map(|(_, entry)| entry.record_bytes()).sum();
        self.delete(connection, &changes.delete).await?;
        self.put_and_commit(connection, changes.put).await.map_err(Failure::at_commit)?;
        self.checkpointer.grew(rows, bytes);
        Ok((answers, changes.settled))
    }

    /// Reads the entries whose addresses begin like `address`.
    async fn read_beneath(
        &self,
        connection: &mut SqliteConnection,
        address: Address,
        entries: &mut Entries,
    ) -> Result<(), sqlx::Error> {
        let end = |byte: u8| [address.beginning(), [byte; 16]].concat();
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.beneath))).bind(end(0)).bind(end(u8::MAX));
        for row in query.fetch_all(connection).await? {
            if let Some(address) = rows::address(&row) {
                entries.add(address, rows::entry(&row));
            }
        }
        Ok(())
    }

    async fn sweep(&self, connection: &mut SqliteConnection, now: Timestamp) -> Result<u64, sqlx::Error> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.sweep)));
        let done = query.bind(rows::integer(now.as_millis())).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn delete(
        &self,
        connection: &mut SqliteConnection,
        addresses: &[Address],
    ) -> Result<(), sqlx::Error> {
        if addresses.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.delete)));
        let query = query.bind(rows::joined(addresses)).bind(rows::integer(addresses.len()));
        query.execute(connection).await.map(drop)
    }

    async fn put_and_commit(
        &self,
        connection: &mut SqliteConnection,
        put: Vec<(Address, Entry)>,
    ) -> Result<(), sqlx::Error> {
        if put.is_empty() {
            return sqlx::query(COMMIT).execute(connection).await.map(drop);
        }
        let text = self.sql.put(put.len());
        let mut arguments = SqliteArguments::default();
        for (address, entry) in put {
            rows::bind(&mut arguments, address, entry)?;
        }
        sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await.map(drop)
    }
}

/// The entries at `addresses`, from the rows that were read.
fn found(read: &[SqliteRow], addresses: &[Address]) -> Result<Entries, sqlx::Error> {
    let found = read.iter().map(|row| Ok((rows::place(row, addresses)?, rows::entry(row))));
    Ok(Entries::new(found.collect::<Result<Vec<_>, sqlx::Error>>()?))
}
