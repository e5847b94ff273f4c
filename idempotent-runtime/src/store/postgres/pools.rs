//! Pools of other libraries, whose transactions the store lends.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{PgConnection, Row};
use tokio::time::timeout;

use super::{
    failure::{NAME, refused},
    ledger::PostgresLedger,
};
use crate::store::{
    SetupError,
    transactional::{Held, Ledger, Offer, Offers, TransactionError, TransactionalDatabase},
};

/// Name of the database, and the moment at which its server was started. Both are known to
/// everybody.
const WHICH_DATABASE: &str =
    "current_database() || ' ' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";

/// Time limit for the one transaction with a pool.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The pools that were handed to a store beside its own.
#[derive(Clone, Default)]
pub(super) struct OtherPools(Vec<Arc<dyn OtherPool>>);

/// A pool of whichever library.
trait OtherPool: Send + Sync {
    fn offered(&self, offers: Offers, ledger: Arc<dyn Ledger>) -> Offers;

    /// Runs one transaction, and gives the answer of a statement in it.
    fn tried<'a>(
        &'a self,
        ledger: &'a dyn Ledger,
        statement: &'a str,
        parameter: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, TransactionError>>;
}

struct Pool<DB: TransactionalDatabase>(DB::Pool);

impl<DB: TransactionalDatabase> OtherPool for Pool<DB> {
    fn offered(&self, offers: Offers, ledger: Arc<dyn Ledger>) -> Offers {
        offers.and(Offer::<DB> { pool: self.0.clone(), ledger })
    }

    fn tried<'a>(
        &'a self,
        ledger: &'a dyn Ledger,
        statement: &'a str,
        parameter: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, TransactionError>> {
        let trial = async move {
            let mut held = Held::<DB>::acquire(&self.0).await?;
            DB::begin(held.get_mut()?, &ledger.first("trial")).await?;
            let answer = DB::execute(held.get_mut()?, statement, &[parameter]).await?;
            DB::rollback(held.get_mut()?).await?;
            held.give_back();
            Ok(answer)
        };
        trial.boxed()
    }
}

impl OtherPools {
    pub(super) fn push<DB: TransactionalDatabase>(&mut self, pool: DB::Pool) {
        self.0.push(Arc::new(Pool::<DB>(pool)));
    }

    /// The offers of all pools, behind those that are there.
    pub(super) fn offered(&self, own: Offers, ledger: Arc<PostgresLedger>) -> Offers {
        self.0.iter().fold(own, |offers, pool| pool.offered(offers, ledger.clone()))
    }

    /// Runs one transaction with each pool.
    ///
    /// # Errors
    /// A pool gives none, or is of another database, or its parameters do not arrive as they are.
    pub(super) async fn check(
        &self,
        connection: &mut PgConnection,
        ledger: &PostgresLedger,
    ) -> Result<(), SetupError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        let here = which_database(connection).await?;
        let expected = [every_byte.as_slice(), here.as_bytes()].concat();
        let statement = format!("SELECT $1::bytea || convert_to({WHICH_DATABASE}, 'UTF8') AS answer");
        for pool in &self.0 {
            let trial = timeout(TRIAL_TIMEOUT, pool.tried(ledger, &statement, &every_byte)).await;
            let answer =
                trial.unwrap_or_else(|_| Err(TransactionError::timed_out())).map_err(no_transaction)?;
            if answer.as_ref() != Some(&expected) {
                return Err(not_the_same(answer, &every_byte));
            }
        }
        Ok(())
    }
}

async fn which_database(connection: &mut PgConnection) -> Result<String, SetupError> {
    let read = sqlx::AssertSqlSafe(format!("SELECT {WHICH_DATABASE}"));
    let row = sqlx::raw_sql(read).fetch_one(connection).await;
    row.and_then(|row| row.try_get(0)).map_err(refused)
}

fn no_transaction(error: TransactionError) -> SetupError {
    let why = error.cause();
    SetupError::setting(NAME, format!("no transaction can be run with a pool that was given to it: {why}"))
}

fn not_the_same(answer: Option<Vec<u8>>, sent: &[u8]) -> SetupError {
    let is_elsewhere = answer.is_some_and(|answer| answer.starts_with(sent));
    let why = match is_elsewhere {
        true => "a pool for its transactions is of another database than the store is",
        false => "an implementation of TransactionalDatabase does not hand on bytes as they are",
    };
    SetupError::setting(NAME, why)
}

impl fmt::Debug for OtherPools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} other pools", self.0.len())
    }
}
