//! Recognition of a pooler between the store and the server, which leaves nothing behind.

use std::{io::ErrorKind, time::Duration};

use sqlx::{Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{
    connections::open,
    failure::{self, NAME, timed_out, unreachable},
    pool_mode::PoolMode,
};
use crate::store::SetupError;

/// Time limit of the recognition's statements.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Process of the session, the time when the session began, and the time now, in microseconds of
/// the server's clock.
const SESSION: &str = "SELECT pg_backend_pid(), \
     (SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()), \
     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

// Both connections stay open, and say which session they are in:
//
//   first ─▶ second is opened ─▶ second ─▶ second ─▶ first ─▶ second
//
//   the second's session is older than the second ─────────▶ Transaction: a pooler has lent it
//   both are in one session, or one has changed its session ▶ Transaction
//   neither ───────────────────────────────────────────────▶ Session
//
// A pooler that has no session to spare opens one for the second connection, which is then as
// young. To pass for the server it would also have to lend each connection the same session three
// times, in this order, while others use them: the one used last is lent next, or they take turns.
/// The pool mode at `options`, and a connection on which nothing has been set.
pub(super) async fn recognise(options: &PgConnectOptions) -> Result<(PgConnection, PoolMode), SetupError> {
    let mut first = open(options).await.map_err(refused)?;
    let before = Session::of(&mut first).await.map_err(unanswered)?;
    let mut second = open(options).await.map_err(refused)?;
    let opened = Session::of(&mut second).await.map_err(not_lent)?;
    let is_older = opened.began.is_some_and(|began| began < before.now);
    let mut is_shared = is_older || opened.process == before.process;
    if !is_shared {
        is_shared = Session::of(&mut second).await.map_err(unanswered)?.process != opened.process
            || Session::of(&mut first).await.map_err(unanswered)?.process != before.process
            || Session::of(&mut second).await.map_err(unanswered)?.process != opened.process;
    }
    let _ = second.close().await;
    if !is_shared {
        return Ok((first, PoolMode::Session));
    }
    keeps_transactions_together(&mut first).await?;
    Ok((first, PoolMode::Transaction))
}

/// A session of the server's.
struct Session {
    process: i32,
    began: Option<i64>,
    now: i64,
}

impl Session {
    /// The session that the connection is in now.
    async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = timeout(CALL_TIMEOUT, connection.fetch_one(SESSION)).await;
        let row = row.unwrap_or_else(|_| Err(timed_out("recognising a pooler")))?;
        Ok(Session { process: row.try_get(0)?, began: row.try_get(1)?, now: row.try_get(2)? })
    }
}

/// Fails where the pooler is in statement mode, which allows no transactions.
async fn keeps_transactions_together(connection: &mut PgConnection) -> Result<(), SetupError> {
    let transaction = async {
        connection.execute("BEGIN").await?;
        connection.execute("COMMIT").await
    };
    match timeout(CALL_TIMEOUT, transaction).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(SetupError::setting(
            NAME,
            format!(
                "the pooler allows no transactions ({error}): set its `pool_mode` to `transaction`, or connect to \
                 PostgreSQL itself"
            ),
        )),
        Err(_) => Err(unreachable(timed_out("a transaction"))),
    }
}

/// Reason why a second connection waits for a session.
const NOT_LENT: &str = "a second connection is given no session while the first has one, as by a pooler in session \
     mode that has lent all it has: set its `pool_mode` to `transaction`, or its `default_pool_size` to all the \
     connections that stores and pools make";

/// Refusals of poolers, by their words, and the remedies.
const REMEDIES: [(&str, &str); 3] = [
    ("startup parameter", "name it in the pooler's `ignore_startup_parameters`, or leave it out"),
    ("PQexec", "set the pooler's `disable_pqexec` to 0, or connect to PostgreSQL itself"),
    ("no more connections allowed", "raise the pooler's `max_client_conn`, or lower `connections`"),
];

/// Error for a refused connection. A pooler that refuses one says so, and the error names the
/// remedy.
pub(super) fn refused(error: sqlx::Error) -> SetupError {
    remedy(&error).unwrap_or_else(|| unreachable(error))
}

/// Error for a first statement that brought no answer.
fn unanswered(error: sqlx::Error) -> SetupError {
    remedy(&error).unwrap_or_else(|| failure::refused(error))
}

/// Error for a second connection whose first statement brought no answer, while the first
/// connection's did.
fn not_lent(error: sqlx::Error) -> SetupError {
    match &error {
        sqlx::Error::Io(why) if why.kind() == ErrorKind::TimedOut => SetupError::setting(NAME, NOT_LENT),
        _ => unanswered(error),
    }
}

/// Error that names the remedy, if a pooler has refused something and it is known why.
fn remedy(error: &sqlx::Error) -> Option<SetupError> {
    let message = error.as_database_error()?.message();
    let (_, remedy) = REMEDIES.iter().find(|(words, _)| message.contains(words))?;
    let why = format!("the pooler refuses what the store asks for ({message}): {remedy}");
    Some(SetupError::setting(NAME, why))
}
