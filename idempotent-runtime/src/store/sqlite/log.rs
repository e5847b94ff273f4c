//! Moves what the write-ahead log holds into the file, beside the writer.
//!
//! Addresses are random, so in a file of many keys each row written dirties pages of its own. Writing those into the file and syncing it
//! takes as long as many commits. SQLite by itself lets a commit do it, each thousand pages, and all calls wait for that one.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::{sync::mpsc, time::sleep};

use super::{NAME, connect::Connector, transaction::Turns, writer::PATIENCE};

/// After how many pages of the log, roughly. The more, the more rows share a page that is written once for all.
const PAGES: usize = 12_000;
/// How many a commit takes beside those of the index of addresses, in which each of its rows has one.
const PAGES_A_COMMIT: usize = 3;
/// How many pages may be left for the last round, for which the writer waits.
const FEW: i64 = 256;
/// How often the rest is looked at, which is shorter each time: what has been written while the round before was under way.
const ROUNDS: usize = 8;
/// How long nothing is done after a failure: the writer helps itself where the log has grown long.
const PAUSE: Duration = Duration::from_secs(1);

/// After how many pages a commit does it after all: those of this process that write so much faster, or those of other processes.
pub(super) const LONGEST: &str = "40000";

/// Counts what is written, and has it moved now and then.
pub(super) struct Log {
    pages: AtomicUsize,
    mover: mpsc::Sender<()>,
}

impl Log {
    /// Starts to move what is counted, on the present runtime, until it is dropped.
    pub(super) fn start(connector: Connector, turns: Turns) -> Self {
        // One that waits is enough: it moves all that is there when it is its turn.
        let (mover, full) = mpsc::channel(1);
        tokio::spawn(run(full, connector, turns));
        Log { pages: AtomicUsize::new(0), mover }
    }

    /// So many rows more have been committed at once, if any.
    pub(super) fn grew(&self, rows: usize) {
        let pages = if rows == 0 { 0 } else { rows + PAGES_A_COMMIT };
        if self.pages.fetch_add(pages, Relaxed) + pages >= PAGES {
            self.pages.store(0, Relaxed);
            let _ = self.mover.try_send(());
        }
    }
}

async fn run(mut full: mpsc::Receiver<()>, connector: Connector, turns: Turns) {
    while full.recv().await.is_some() {
        if let Err(error) = moved(&connector, &turns).await {
            tracing::debug!(store = NAME, %error, "the log could not be moved into the file; it is tried again");
            sleep(PAUSE).await;
        }
    }
}

// The log begins anew, and does not grow, only when a commit finds all of it moved:
//
//   long ─ moved beside the writer, which goes on ─▶ what it has written meanwhile is left ─ again, until that is little ─▶ short
//   short ─ moved while no call of this process writes ─▶ all moved ─ the next commit ─▶ begins anew
//
// Whoever reads what is older, or writes from another process, may leave a rest, which is moved the next time. Nothing is lost by stopping
// anywhere: what is moved has been synced in the log before, and the log counts until the file is synced.
async fn moved(connector: &Connector, turns: &Turns) -> Result<(), sqlx::Error> {
    let mut open = connector.connect().await?;
    let mut known = round(&mut open.connection).await?;
    for _ in 0..ROUNDS {
        let pages = round(&mut open.connection).await?;
        if (0..=FEW).contains(&(pages - known)) {
            break;
        }
        known = pages;
    }
    {
        let _nobody_writes = turns.next(PATIENCE).await?;
        round(&mut open.connection).await?;
    }
    open.connection.close().await
}

/// Moves what is there and nobody needs to read in the log, and gives how many pages the log had. Waits for nobody.
async fn round(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(connection).await?;
    row.try_get(1)
}
