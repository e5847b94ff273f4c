//! Statements of the store in transactions of the application's.

use std::sync::Arc;

use super::{rows, sql::Sql};
use crate::{
    clock::Clock,
    store::{
        Completion, Hold, Record, Retention,
        transactional::{Ledger, Statement, TransactionError},
    },
};

/// The way to write a record.
pub(super) struct SqliteLedger {
    pub(super) sql: Arc<Sql>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Ledger for SqliteLedger {
    fn first(&self, _: &str) -> String {
        String::new()
    }

    fn completion(&self, _: &str, hold: &Hold, record: &Record, retention: Retention) -> Statement {
        let digits = |number| rows::integer(number).to_string().into_bytes();
        let now = self.clock.now();
        let until = now.after(retention.replay);
        Statement {
            text: Arc::clone(&self.sql.complete_within),
            parameters: vec![
                hold.address.as_bytes().to_vec(),
                hold.token.as_bytes().to_vec(),
                digits(until.as_millis()),
                digits(until.after(retention.remember).as_millis()),
                record.as_bytes().to_vec(),
                digits(now.as_millis()),
            ],
        }
    }

    fn completed(&self, answer: Option<Vec<u8>>) -> Result<Option<Completion>, TransactionError> {
        Ok(Some(answer.map_or(Completion::Fenced(None), |_| Completion::Stored)))
    }

    fn mark_read(&self) -> Option<&Arc<str>> {
        None
    }

    fn sessions_are_lent(&self) -> bool {
        false
    }

    fn writes_alone(&self) -> bool {
        true
    }
}
