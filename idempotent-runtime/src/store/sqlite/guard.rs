//! Watches the connection on which a handler has its transaction, and lets nothing else be
//! committed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::{Error, SqliteConnection};

use crate::store::transactional::TransactionState;

// SQLite calls two hooks of a connection, in the thread that runs its statements. One runs before
// each commit, also before a commit in autocommit. The other runs after each rollback, also after
// one that SQLite decides by itself. What the hooks have seen, and what changes it:
//
//   stands ─ the first commit, the execution's own or the handler's ────────▶ committed
//     │    ─ the first rollback, SQLite's or the handler's ─────────────────▶ rolled back
//     └─── revoked, because the handler has ended without giving it back ───▶ rolled back
//
// Both are final. Every later commit is refused, and SQLite makes a rollback of it. So nothing
// stands of what a handler does in autocommit, or in a transaction of its own.
//
// A commit may fail in SQLite after the hook has let it pass. It counts as a commit, since no hook
// tells. A handler that sets hooks of its own drops these. Then `is_blind` says that they saw no
// more.
/// Commits and rollbacks that the hooks of one transaction's connection have seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    standing: TransactionState,
    is_blind: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { standing: TransactionState::Stands, is_blind: false }
    }
}

/// One hook's view. Dropped with the hook.
struct Eye(Guard);

impl Guard {
    /// Sets the hooks of a connection, just before a transaction begins.
    pub(super) async fn watch(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let (commits, rollbacks) = (Eye(self.clone()), Eye(self.clone()));
        let mut handle = connection.lock_handle().await?;
        handle.set_commit_hook(move || commits.may_commit());
        handle.set_rollback_hook(move || rollbacks.rolled_back());
        Ok(())
    }

    /// Removes all hooks from a connection.
    pub(super) async fn lift(connection: &mut SqliteConnection) -> Result<(), Error> {
        let mut handle = connection.lock_handle().await?;
        handle.remove_commit_hook();
        handle.remove_rollback_hook();
        Ok(())
    }

    /// Notes this end of the transaction, if it has not ended before. Gives the standing before.
    pub(super) fn ends(&self, end: TransactionState) -> TransactionState {
        let mut seen = self.seen();
        let before = seen.standing;
        if before == TransactionState::Stands {
            seen.standing = end;
        }
        before
    }

    /// Lets nothing be committed any more. Gives the standing before: unknown where the hooks see
    /// nothing any more, since they prevent nothing then.
    pub(super) fn revoke(&self) -> TransactionState {
        let is_blind = self.seen().is_blind;
        match self.ends(TransactionState::RolledBack) {
            TransactionState::Stands if is_blind => TransactionState::Unknown,
            before => before,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Standing of the transaction.
    pub(super) async fn standing(&self, connection: &mut SqliteConnection) -> TransactionState {
        let (standing, is_blind) = {
            let seen = self.seen();
            (seen.standing, seen.is_blind)
        };
        if !is_blind || (standing == TransactionState::Stands && is_open(connection).await) {
            return standing;
        }
        // A commit may have come after the hooks saw their last. The question has left an empty
        // transaction open.
        self.ends(TransactionState::Unknown);
        TransactionState::Unknown
    }
}

/// True where a transaction is open, by whatever statement: SQLite refuses to begin one inside
/// another.
async fn is_open(connection: &mut SqliteConnection) -> bool {
    sqlx::raw_sql("BEGIN").execute(connection).await.is_err()
}

impl Eye {
    fn may_commit(&self) -> bool {
        self.0.ends(TransactionState::Committed) == TransactionState::Stands
    }

    fn rolled_back(&self) {
        self.0.ends(TransactionState::RolledBack);
    }
}

impl Drop for Eye {
    fn drop(&mut self) {
        self.0.seen().is_blind = true;
    }
}
