//! Looks for what other processes write: SQLite notifies nobody.
//!
//! One poller per store, on a connection of its own, and only while somebody waits. It asks for
//! `PRAGMA data_version`, which is a look at shared memory. It reads the addresses that are waited
//! for only if another connection has committed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    connect::{Connector, Open},
    rows,
    sql::Sql,
};
use crate::{backoff::Backoff, clock::Clock, store::remote::Notifier};

/// Pauses between looks: the shortest after somebody began to wait, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// A look that found nothing to read is repeated in full after this long, since time changes
/// entries too.
const SAFETY: Duration = Duration::from_secs(2);
/// The pause after a look that failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// The poller looks for at most one part in so many of the time, however long a look takes.
const SHARE: u32 = 5;

/// Numbers of waiters.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    waiting: usize,
    /// Number that have come so far.
    came: u64,
    /// Number of those that could not know what had happened before they came.
    blind: u64,
}

/// Knowledge of a waiter when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// The address was claimed after the waiter began to listen.
    Claimed,
    /// Nothing.
    Nothing,
}

/// The waiters' side. The poller ends with it.
#[derive(Debug)]
pub(super) struct Waiters {
    crowd: watch::Sender<Crowd>,
    looks: Arc<AtomicU64>,
}

/// Counts as a waiter until it is dropped.
pub(super) struct Waiting<'a>(&'a watch::Sender<Crowd>);

impl Waiters {
    /// Starts the poller, asleep, on the present runtime.
    pub(super) fn start(
        connector: Connector,
        sql: Arc<Sql>,
        clock: Arc<dyn Clock>,
        notifier: Notifier,
    ) -> Self {
        let (crowd, watched) = watch::channel(Crowd::default());
        let looks = Arc::new(AtomicU64::new(0));
        let poller = Poller {
            connector,
            sql,
            clock,
            notifier,
            looks: Arc::clone(&looks),
            open: None,
            seen: Seen::default(),
            fails: false,
        };
        tokio::spawn(poller.run(watched));
        Waiters { crowd, looks }
    }

    /// Adds a waiter. The poller looks until the result is dropped.
    pub(super) fn join(&self, knows: Knows) -> Waiting<'_> {
        self.crowd.send_modify(|crowd| {
            crowd.waiting += 1;
            crowd.came += 1;
            crowd.blind += u64::from(knows == Knows::Nothing);
        });
        Waiting(&self.crowd)
    }

    /// Number of looks so far.
    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // The poller is not woken: it counts when it wakes.
        self.0.send_if_modified(|crowd| {
            crowd.waiting -= 1;
            false
        });
    }
}

struct Poller {
    connector: Connector,
    sql: Arc<Sql>,
    clock: Arc<dyn Clock>,
    notifier: Notifier,
    looks: Arc<AtomicU64>,
    open: Option<Open>,
    seen: Seen,
    fails: bool,
}

/// State that the last reading of the addresses took into account.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    version: Option<i64>,
    blind: u64,
    at: Option<Instant>,
}

impl Poller {
    // The poller sleeps while nobody waits. Else it looks, pauses, looks, and so on. The pauses
    // grow, and are short again when a waiter comes.
    async fn run(mut self, mut watched: watch::Receiver<Crowd>) {
        let (mut pace, mut came) = (Backoff::new(PAUSES.0, PAUSES.1), 0);
        loop {
            let crowd = *watched.borrow_and_update();
            if crowd.waiting == 0 {
                match watched.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            if came != crowd.came {
                (pace, came) = (Backoff::new(PAUSES.0, PAUSES.1), crowd.came);
            }
            let began = Instant::now();
            self.look(crowd.blind).await;
            let pause = if self.fails { AFTER_FAILURE } else { pace.next_delay() };
            let pause = pause.max(began.elapsed() * (SHARE - 1));
            sleep(PAUSES.0.min(pause)).await;
            // The longer part of the pause ends early when a waiter comes.
            let _ = timeout(pause.saturating_sub(PAUSES.0), watched.changed()).await;
        }
    }

    async fn look(&mut self, blind: u64) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        // A look that fails, or does not end, is given up together with its connection.
        let open = self.open.take();
        let looked = timeout(SAFETY, self.try_look(open, blind)).await;
        let failed = match looked.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(open) => {
                self.open = Some(open);
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = failed.as_ref().filter(|_| !self.fails) {
            tracing::warn!(%error, "the sqlite store cannot look for what other processes have written");
        }
        self.fails = failed.is_some();
    }

    async fn try_look(&mut self, open: Option<Open>, blind: u64) -> Result<Open, sqlx::Error> {
        let mut open = match open {
            Some(open) => open,
            None => {
                // Versions of different connections cannot be compared.
                self.seen.version = None;
                self.connector.connect().await?
            }
        };
        let row = sqlx::query("PRAGMA data_version").fetch_one(&mut open.connection).await?;
        open.check(&self.connector)?;
        let seen = Seen { version: row.try_get(0)?, blind, at: Some(Instant::now()) };
        if self.is_news(&seen) {
            self.read(&mut open.connection).await?;
            self.seen = seen;
        }
        Ok(open)
    }

    fn is_news(&self, now: &Seen) -> bool {
        let stale = self.seen.at.is_none_or(|at| at.elapsed() >= SAFETY);
        stale || self.seen.version != now.version || self.seen.blind != now.blind
    }

    /// Notifies every address that is listened for and is not claimed.
    async fn read(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let listened = self.notifier.listened();
        if listened.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.settled)))
            .bind(rows::joined(&listened))
            .bind(rows::integer(listened.len()))
            .bind(rows::integer(self.clock.now().as_millis()));
        for row in query.fetch_all(connection).await? {
            self.notifier.notify(rows::place(&row, &listened)?);
        }
        Ok(())
    }
}
