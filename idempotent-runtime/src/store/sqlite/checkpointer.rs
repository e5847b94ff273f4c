//! Moves the content of the write-ahead log into the file, beside the writer.
//!
//! Addresses are random, so in a file of many keys each row written dirties pages of its own.
//! Writing those into the file and syncing it takes as long as many commits. SQLite by itself lets
//! a commit do it, each thousand pages, and all calls wait for that commit.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::{sync::mpsc, time::sleep};

use super::{
    connect::Connector,
    failure::NAME,
    turns::{Turns, WRITE_TIMEOUT},
    wal::Checkpoints,
};

/// Length of the log, in pages, at which it is moved; roughly. The longer it is, the more rows
/// share a page that is written once for all.
const PAGES: usize = 36_000;
/// Pages that a commit takes, besides one per row in the index of addresses.
const PAGES_A_COMMIT: usize = 3;
/// Number of pages that may be left for the last round. The writer waits for that round.
const FEW: i64 = 256;
/// Number of rounds before the last one. Each moves what was written during the round before, which
/// is less each time.
const ROUNDS: usize = 8;
/// Bytes of a page.
const PAGE: usize = 4096;
/// Pause after a failure. Meanwhile commits move the log, if it has grown long.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts what is written, and now and then has the log moved.
pub(super) struct Checkpointer {
    pages: AtomicUsize,
    mover: mpsc::Sender<()>,
}

impl Checkpointer {
    /// Starts to move the log on the present runtime, until this is dropped. Does not start where
    /// commits move it.
    pub(super) fn start(connector: Connector, turns: Turns) -> Self {
        // One waiting request is enough: it moves all that is there when its turn comes.
        let (mover, full) = mpsc::channel(1);
        if connector.checkpoints() == Checkpoints::Beside {
            tokio::spawn(run(full, connector, turns));
        }
        Checkpointer { pages: AtomicUsize::new(0), mover }
    }

    /// Counts `rows` more rows, committed at once, with `bytes` bytes of records. Zero rows count
    /// nothing.
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
//   long  ─ moved beside the writer, which goes on ─▶ the pages it has written meanwhile are left
//         ─ moved again, until few pages are left ──▶ short
//   short ─ moved while this process does not write ▶ all moved
//         ─ the next commit ────────────────────────▶ begins anew
//
// A rest may stay where somebody reads an older state, or another process writes. The rest is moved
// the next time. The move may stop anywhere, and nothing is lost: what is moved has been synced in
// the log before, and the log counts until the file is synced.
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
        let _nobody_writes = turns.next(WRITE_TIMEOUT).await?;
        round(&mut open.connection).await?;
    }
    open.connection.close().await
}

/// Moves the pages that nobody needs to read in the log any more, and waits for nobody. Gives the
/// number of pages that the log had.
async fn round(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(connection).await?;
    row.try_get(1)
}
