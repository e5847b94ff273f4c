//! Watches the connection on which a handler has its transaction, and lets nothing else be
//! committed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::{Error, SqliteConnection};

use crate::transaction::Standing;

// SQLite calls two hooks of a connection, in the thread that runs its statements: one before each
// commit, also one of a statement in autocommit, and one after each rollback, also one that SQLite
// decides by itself. What they have seen, and who moves it:
//
// stands ─ the first commit, the execution's own or the handler's ──────▶ committed
// │     ─ the first rollback, SQLite's or the handler's ──────────────▶ rolled back
// └─────  revoked, because the handler has ended without giving it back ▶ rolled back
//
// Both are final, and every commit from then on is refused, which SQLite makes a rollback of. So
// nothing of what a handler does in autocommit, or in a transaction of its own, stands.
//
// A commit that SQLite could not carry out after the hook had let it pass counts as one, since no
// hook tells. A handler that sets hooks of its own drops these; then `is_blind` says that they saw
// no more.
/// What the hooks of one transaction's connection have seen.
#[derive(Clone, Debug, Default)]
pub struct Guard(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    standing: Standing,
    is_blind: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { standing: Standing::Stands, is_blind: false }
    }
}

/// One hook's view. Dropped with the hook.
struct Eye(Guard);

impl Guard {
    /// Sets the hooks of a connection on which a transaction is about to begin.
    pub(super) async fn over(connection: &mut SqliteConnection) -> Result<Guard, Error> {
        let guard = Guard::default();
        let (commits, rollbacks) = (Eye(guard.clone()), Eye(guard.clone()));
        let mut handle = connection.lock_handle().await?;
        handle.set_commit_hook(move || commits.may_commit());
        handle.set_rollback_hook(move || rollbacks.rolled_back());
        Ok(guard)
    }

    /// Leaves no hook on a connection.
    pub(super) async fn lift(connection: &mut SqliteConnection) -> Result<(), Error> {
        let mut handle = connection.lock_handle().await?;
        handle.remove_commit_hook();
        handle.remove_rollback_hook();
        Ok(())
    }

    /// The transaction ends so, if it has not ended before. Gives what it was before.
    pub(super) fn ends(&self, end: Standing) -> Standing {
        let mut seen = self.seen();
        let before = seen.standing;
        if before == Standing::Stands {
            seen.standing = end;
        }
        before
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has become of the transaction.
    pub(super) async fn standing(&self, connection: &mut SqliteConnection) -> Standing {
        let (standing, is_blind) = {
            let seen = self.seen();
            (seen.standing, seen.is_blind)
        };
        if !is_blind || (standing == Standing::Stands && is_open(connection).await) {
            return standing;
        }
        // Whatever came after it may have been committed. Asking has left an empty transaction
        // open.
        self.ends(Standing::Unknown);
        Standing::Unknown
    }
}

/// Tells whether a transaction is open, whichever it is: SQLite refuses to begin one inside
/// another.
async fn is_open(connection: &mut SqliteConnection) -> bool {
    sqlx::raw_sql("BEGIN").execute(connection).await.is_err()
}

impl Eye {
    fn may_commit(&self) -> bool {
        self.0.ends(Standing::Committed) == Standing::Stands
    }

    fn rolled_back(&self) {
        self.0.ends(Standing::RolledBack);
    }
}

impl Drop for Eye {
    fn drop(&mut self) {
        self.0.seen().is_blind = true;
    }
}
