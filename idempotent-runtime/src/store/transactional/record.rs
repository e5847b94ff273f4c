//! The record of a handler's outcome, written in its transaction, and the state of that
//! transaction.

use super::{Ledger, TransactionError, TransactionState, TransactionalDatabase};
use crate::store::{Completion, Hold, Record, Retention};

/// Stands before a mark that a commit has left to the session.
pub(crate) const COMMITTED: &str = "committed ";

/// Number of open transactions, one inside the other, where the handler has left only the
/// execution's own.
const ONE: usize = 1;

/// Succeeds only in a transaction that has not failed. Behind a pooler the session is this
/// connection's from then on.
const PROBE: &str = "SAVEPOINT idempotent_probe";

/// Takes back what has failed since.
const TO_PROBE: &str = "ROLLBACK TO SAVEPOINT idempotent_probe";

/// Ends a transaction that has failed and begins an empty one. In between nobody else can get the
/// session, also behind a pooler.
const AFRESH: &str = "ROLLBACK AND CHAIN";

/// Writes the record in place of the claim, if the hold still stands. `None` where the transaction
/// is not the one that was begun, or has another one open inside it.
pub(crate) async fn complete<DB: TransactionalDatabase>(
    transaction: &mut DB::Transaction,
    ledger: &dyn Ledger,
    mark: &str,
    (hold, record, retention): (&Hold, &Record, Retention),
) -> Result<Option<Completion>, TransactionError> {
    let witnessed = DB::witnessed(transaction).await;
    if DB::depth(transaction) != ONE || witnessed.is_some_and(|state| state != TransactionState::Stands) {
        return Ok(None);
    }
    if ledger.sessions_are_lent() {
        DB::run(transaction, PROBE).await?;
    }
    let statement = ledger.completion(mark, hold, record, retention);
    match DB::execute(transaction, &statement.text, &statement.slices()).await {
        // The transaction had not failed before, so it can still be told whose it is.
        Err(error) if ledger.sessions_are_lent() && error.is_answered() => {
            let _ = DB::run(transaction, TO_PROBE).await;
            Err(error)
        }
        answer => ledger.completed(answer?),
    }
}

/// State of the transaction with this mark. One in which a statement has failed is rolled back, and
/// stood until then.
pub(crate) async fn standing<DB: TransactionalDatabase>(
    transaction: &mut DB::Transaction,
    ledger: &dyn Ledger,
    mark: &str,
) -> Result<TransactionState, TransactionError> {
    if let Some(state) = DB::witnessed(transaction).await {
        return Ok(state);
    }
    let Some(read) = ledger.mark_read() else { return Ok(TransactionState::Unknown) };
    // Outside of a transaction a pooler may give the two messages of a statement with parameters to
    // two sessions. A text is one message.
    if ledger.sessions_are_lent() {
        match DB::run(transaction, PROBE).await {
            Ok(()) => {}
            Err(error) if error.is_answered() => return has_failed::<DB>(transaction, read, mark).await,
            Err(error) => return Err(error),
        }
    }
    match DB::execute(transaction, read, &[]).await {
        Ok(found) => Ok(state_by(found, mark).unwrap_or_else(|| without_mark(ledger))),
        // The probe has just found it without a failure, so only this statement has failed: a
        // pooler may not know the names of a library's statements.
        Err(error) if error.is_answered() && ledger.sessions_are_lent() => Ok(TransactionState::Unknown),
        Err(error) if error.is_answered() => has_failed::<DB>(transaction, read, mark).await,
        Err(error) => Err(error),
    }
}

/// State of a transaction that can only be rolled back, since a statement in it has failed. Unless
/// its handler had committed before, it was the one that was begun.
async fn has_failed<DB: TransactionalDatabase>(
    transaction: &mut DB::Transaction,
    read: &str,
    mark: &str,
) -> Result<TransactionState, TransactionError> {
    match DB::run(transaction, AFRESH).await {
        Ok(()) => {}
        // There is none, and who knows which session has answered.
        Err(error) if error.is_answered() => return Ok(TransactionState::Unknown),
        Err(error) => return Err(error),
    }
    let found = DB::execute(transaction, read, &[]).await?;
    Ok(match state_by(found, mark) {
        Some(TransactionState::Committed) => TransactionState::Committed,
        _ => TransactionState::Stands,
    })
}

/// State of a transaction whose mark is not on the connection.
fn without_mark(ledger: &dyn Ledger) -> TransactionState {
    match ledger.sessions_are_lent() {
        false => TransactionState::RolledBack,
        // The transaction may have been in another session.
        true => TransactionState::Unknown,
    }
}

/// State by the mark that was found. `None` where it is another one, or there is none.
fn state_by(found: Option<Vec<u8>>, mark: &str) -> Option<TransactionState> {
    let found = found.unwrap_or_default();
    match found.strip_prefix(COMMITTED.as_bytes()) {
        Some(committed) if committed == mark.as_bytes() => Some(TransactionState::Committed),
        None if found == mark.as_bytes() => Some(TransactionState::Stands),
        _ => None,
    }
}
