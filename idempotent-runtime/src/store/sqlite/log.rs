//! Moves what the write-ahead log holds into the file, beside the writer.
//!
//! Addresses are random, so in a file of many keys each row written dirties pages of its own.
//! Writing those into the file and syncing it takes as long as many commits. SQLite by itself lets
//! a commit do it, each thousand pages, and all calls wait for that one.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::{sync::mpsc, time::sleep};

use super::{NAME, connect::Connector, transaction::Turns, writer::PATIENCE};

/// After how many pages of the log, roughly. The more, the more rows share a page that is written
/// once for all.
const PAGES: usize = 36_000;
/// How many a commit takes beside those of the index of addresses, in which each of its rows has
/// one.
const PAGES_A_COMMIT: usize = 3;
/// How many pages may be left for the last round, for which the writer waits.
const FEW: i64 = 256;
/// How often the rest is looked at, which is shorter each time: what has been written while the
/// round before was under way.
const ROUNDS: usize = 8;
/// The bytes of a page.
const PAGE: usize = 4096;
/// How long nothing is done after a failure: the writer helps itself where the log has grown long.
const PAUSE: Duration = Duration::from_secs(1);

/// What says after how many pages a commit does it.
pub(super) const LIMIT: &str = "wal_autocheckpoint";
/// Where it is done beside: commits of this process that write so much faster, or those of other
/// processes.
pub(super) const LONGEST: &str = "108000";
/// SQLite's own.
pub(super) const DEFAULT: &str = "1000";

/// Who moves the log into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// A connection of its own, while commits go on.
    Beside,
    /// The commits themselves.
    ByCommits,
}

/// Whether SQLite of this version loses nothing where it is done beside commits.
///
/// Before 3.51.3 a commit that began the log anew while it was moved could be taken for moved
/// itself (SQLite's documents call it the WAL-reset bug).
pub(super) fn is_moved_safely_by(version: &str) -> bool {
    const FIXED: [u32; 3] = [3, 51, 3];
    version.split('.').map_while(|number| number.parse::<u32>().ok()).ge(FIXED)
}

/// Counts what is written, and has it moved now and then.
pub(super) struct Log {
    pages: AtomicUsize,
    mover: mpsc::Sender<()>,
}

impl Log {
    /// Starts to move what is counted, on the present runtime, until it is dropped; unless commits
    /// do it.
    pub(super) fn start(connector: Connector, turns: Turns) -> Self {
        // One that waits is enough: it moves all that is there when it is its turn.
        let (mover, full) = mpsc::channel(1);
        if connector.moved() == Moved::Beside {
            tokio::spawn(run(full, connector, turns));
        }
        Log { pages: AtomicUsize::new(0), mover }
    }

    /// So many rows more have been committed at once, if any, with so many bytes of records.
    pub(super) fn grew(&self, rows: usize, bytes: usize) {
        let pages = if rows == 0 { 0 } else { rows + bytes / PAGE + PAGES_A_COMMIT };
        if self.pages.fetch_add(pages, Relaxed) + pages >= PAGES {
            self.pages.store(0, Relaxed);
            let _ = self.mover.try_send(());
        }
    }
}

async fn run(mut full: mpsc::Receiver<()>, connector: Connector, turns: Turns) {
    while full.recv().await.is_some() {
        if let Err(error) = moved(&connector, &turns).await {
            tracing::debug!(store = NAME, %error, "the log could not be moved into the file; it is tried again when it has grown");
            sleep(PAUSE).await;
        }
    }
}

// The log begins anew, and does not grow, only when a commit finds all of it moved:
//
//   long ─ moved beside the writer, which goes on ─▶ what it has written meanwhile is left ─ again, until that is little ─▶ short
//   short ─ moved while no call of this process writes ─▶ all moved ─ the next commit ─▶ begins anew
//
// Whoever reads what is older, or writes from another process, may leave a rest, which is moved the
// next time. Nothing is lost by stopping anywhere: what is moved has been synced in the log before,
// and the log counts until the file is synced.
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

/// Moves what is there and nobody needs to read in the log, and gives how many pages the log had.
/// Waits for nobody.
async fn round(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(connection).await?;
    row.try_get(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_moved_beside_commits_only_by_a_sqlite_that_loses_none() {
        for (version, is_safe) in [
            ("3.51.2", false),
            ("3.9.10", false),
            ("3", false),
            ("", false),
            ("3.51.3", true),
            ("3.51.10", true),
            ("3.52.0", true),
            ("4.0.0", true),
        ] {
            assert_eq!(is_moved_safely_by(version), is_safe, "{version}");
        }
    }
}
