//! Statements of the store in transactions of the application's: the record, and the mark.

use std::sync::Arc;

use super::{calls::micros, names::Names, pool_mode::PoolMode};
use crate::store::{
    Completion, Hold, Record, Retention,
    transactional::{COMMITTED, Ledger, Statement, TransactionError, TransactionErrorKind},
};

// The mark of a transaction is a setting of the application's own kind. It is set twice as the
// transaction begins, for the session and for the transaction. It reads:
//
//   in the transaction   the mark
//   after a COMMIT       'committed ' and the mark: the session has it now
//   after a ROLLBACK     what was there before, nothing of this transaction's
//
// The record is written only under the mark. The statement that writes it takes the setting back,
// so with the execution's own commit nothing is left to the session.
const COMPLETE: &str = "SELECT CASE said \
     WHEN 'stored' THEN decode(said || set_config('idempotent.transaction', '', false), 'escape') \
     ELSE decode(said, 'escape') || coalesce('\\x20'::bytea || record, ''::bytea) END AS answer \
     FROM {schema}.{table}_complete_within($1, $2, $3, \
     encode($4, 'escape')::bigint, encode($5, 'escape')::bigint, $6) \
     WHERE current_setting('idempotent.transaction', true) = encode($7, 'escape')";

const READ_MARK: &str =
    "SELECT convert_to(coalesce(current_setting('idempotent.transaction', true), ''), 'UTF8') AS answer";

/// The way to write a record.
pub(super) struct PostgresLedger {
    mode: PoolMode,
    complete: Arc<str>,
    read_mark: Arc<str>,
}

impl PostgresLedger {
    pub(super) fn new(mode: PoolMode, names: &Names) -> Self {
        PostgresLedger { mode, complete: names.fill(COMPLETE).into(), read_mark: READ_MARK.into() }
    }
}

impl Ledger for PostgresLedger {
    // They take no snapshot, so the handler may still set an isolation level.
    fn first(&self, mark: &str) -> String {
        format!(
            "SET idempotent.transaction = '{COMMITTED}{mark}'; SET LOCAL idempotent.transaction = '{mark}'"
        )
    }

    fn completion(&self, mark: &str, hold: &Hold, record: &Record, retention: Retention) -> Statement {
        Statement {
            text: Arc::clone(&self.complete),
            parameters: vec![
                hold.address.as_bytes().to_vec(),
                hold.token.as_bytes().to_vec(),
                hold.fingerprint.as_bytes().to_vec(),
                micros(retention.replay).to_string().into(),
                micros(retention.remember).to_string().into(),
                record.as_bytes().to_vec(),
                mark.into(),
            ],
        }
    }

    fn completed(&self, answer: Option<Vec<u8>>) -> Result<Option<Completion>, TransactionError> {
        let Some(answer) = answer else { return Ok(None) };
        match (answer.as_slice(), answer.strip_prefix(b"fenced ")) {
            (b"stored", _) => Ok(Some(Completion::Stored)),
            (b"fenced", _) => Ok(Some(Completion::Fenced(None))),
            (_, Some(winner)) => Ok(Some(Completion::Fenced(Some(Record::from_bytes(winner.to_vec()))))),
            _ => Err(TransactionError::new(TransactionErrorKind::Other, "the completion has no such answer")),
        }
    }

    fn mark_read(&self) -> Option<&Arc<str>> {
        Some(&self.read_mark)
    }

    fn sessions_are_lent(&self) -> bool {
        self.mode == PoolMode::Transaction
    }

    fn writes_alone(&self) -> bool {
        false
    }
}
