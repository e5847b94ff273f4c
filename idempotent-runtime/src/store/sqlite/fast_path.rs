//! A call that is alone in its batch, in one trip instead of two. On a server that is not busy
//! nearly all calls are.
//!
//! Only calls that need no deciding: a claim on an address that has no row, a claim that changes
//! nothing, and a completion by its owner. Each is one trip. The trip does nothing where the case
//! is another one, or where another connection is writing. Then the call goes the way of all
//! batches.

use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Either, Executor, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    batch::{Op, OpAnswer},
    connect::Open,
    failure::{BUSY, Failure, is},
    rows,
    writer::{Answered, Writer},
};
use crate::store::{
    ClaimRequest, Completion, Hold, Record, Retention,
    entry::{self, Changed},
};

impl Writer {
    /// Answer to `op`, if it can be had in one trip. Else nothing was done. Or `op` was done
    /// without an answer, and is found done by its token when it is asked for again.
    pub(super) async fn fast_path(&self, open: &mut Open, op: &Op) -> Result<Option<Answered>, Failure> {
        let answered = match op {
            Op::Claim(request) | Op::ClaimForTransaction(request) => {
                self.claim_alone(&mut open.connection, request).await
            }
            Op::Complete(hold, record, retention) => {
                self.complete_alone(&mut open.connection, hold, record, *retention).await
            }
            _ => return Ok(None),
        };
        match answered {
            // The transaction is committed, but perhaps to a file that has been replaced by now.
            Ok(Some(answered)) => {
                open.check(&self.connector).map(|()| Some(answered)).map_err(Failure::InDoubt)
            }
            Ok(None) => Ok(None),
            Err(error) if is(BUSY, &error) => Ok(None),
            Err(error) => Err(Failure::at_commit(error)),
        }
    }

    async fn claim_alone(
        &self,
        connection: &mut SqliteConnection,
        request: &ClaimRequest,
    ) -> Result<Option<Answered>, sqlx::Error> {
        let (mut entry, address) = (None, request.hold.address);
        let (won, _) = entry::claim(&mut entry, request, self.clock.now());
        let mut arguments = SqliteArguments::default();
        if let Some(entry) = entry {
            rows::bind(&mut arguments, address, entry)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(&self.sql.claim)), arguments);
        let results: Vec<_> = connection.fetch_many(query).try_collect().await?;
        match &results[..] {
            [Either::Left(inserted), ..] if inserted.rows_affected() == 1 => {
                self.checkpointer.grew(1, 0);
                Ok(Some((vec![OpAnswer::Claim(won)], Vec::new())))
            }
            [_, Either::Right(row), ..] => Ok(self.unchanged(row, request)),
            _ => Ok(None),
        }
    }

    /// The answer to a claim on the entry in `row`, if the claim changes nothing.
    fn unchanged(&self, row: &SqliteRow, request: &ClaimRequest) -> Option<Answered> {
        let mut entry = Some(rows::entry(row).ok()?);
        match entry::claim(&mut entry, request, self.clock.now()) {
            (claim, Changed::No) => Some((vec![OpAnswer::Claim(claim)], Vec::new())),
            _ => None,
        }
    }

    async fn complete_alone(
        &self,
        connection: &mut SqliteConnection,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Option<Answered>, sqlx::Error> {
        let now = self.clock.now();
        let until = now.after(retention.replay);
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.complete)))
            .bind(hold.address.as_bytes().as_slice())
            .bind(hold.token.as_bytes().as_slice())
            .bind(rows::integer(until.as_millis()))
            .bind(rows::integer(until.after(retention.remember).as_millis()))
            .bind(record.as_bytes().as_ref())
            .bind(rows::integer(now.as_millis()));
        if query.execute(connection).await?.rows_affected() != 1 {
            return Ok(None);
        }
        self.checkpointer.grew(1, record.as_bytes().len());
        Ok(Some((vec![OpAnswer::Completion(Completion::Stored)], vec![hold.address])))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Connection;

    use super::*;
    use crate::{
        clock::Timestamp,
        request::{Address, RequestFingerprint},
        store::{
            OnAbandoned, Origin, Token,
            sqlite::{schema, sql::Sql},
        },
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Number of rows that a claim has written, and number that it has read.
    async fn claimed(connection: &mut SqliteConnection, sql: &Sql) -> (u64, usize) {
        let hold = Hold {
            address: Address::from_bytes([1; 32]),
            token: Token::from_bytes([2; 16]),
            fingerprint: RequestFingerprint::from_bytes([3; 32]),
        };
        let on_abandoned = OnAbandoned::Refuse;
        let request =
            ClaimRequest { hold, lease: MINUTE, on_abandoned, retention: MINUTE, origin: Origin::default() };
        let (mut entry, mut arguments) = (None, SqliteArguments::default());
        entry::claim(&mut entry, &request, NOW);
        rows::bind(&mut arguments, hold.address, entry.unwrap()).unwrap();
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(&sql.claim)), arguments);
        let results: Vec<_> = connection.fetch_many(query).try_collect().await.unwrap();
        let written = results[0].as_ref().left().expect("the insertion comes first").rows_affected();
        (written, results.iter().filter(|result| result.is_right()).count())
    }

    #[tokio::test]
    async fn a_lone_claim_reads_what_is_there_already_and_not_what_it_has_just_written() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        schema::migrate(&mut connection, "keys").await.unwrap();
        let sql = Sql::new("keys");
        assert_eq!(claimed(&mut connection, &sql).await, (1, 0));
        assert_eq!(claimed(&mut connection, &sql).await, (0, 1));
    }
}
