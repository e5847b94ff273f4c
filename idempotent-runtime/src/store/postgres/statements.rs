//! Statements that carry calls to the server, many in one, on whichever connection is free.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgRow;
use tokio::time::timeout;

use super::{
    calls::{Call, read},
    connections::{Connection, Connections, InUse},
    failure::{Fate, NAME, has_gone, timed_out},
    function::{Function, Value},
    names::Names,
};
use crate::store::{
    StoreError,
    remote::{Reply, Word},
};

/// Time that a statement may take; the server gives it up a little earlier.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of records that go in one statement, unless one record alone is longer. Not many more come
/// back.
const MOST_BYTES: usize = 4 << 20;

const ALONE: &str = "SELECT 1::bigint, said, attempt, micros, record FROM {schema}.{table}_alone";
const CALLS: &str = "SELECT place, said, attempt, micros, record FROM {schema}.{table}_calls";

/// Rule for calls that are sent in one statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// All are done, or none.
    Together,
    /// Each is done or not. Each waits so long for a row that somebody else has locked.
    Apart(Duration),
}

/// Reason why a statement brought no answers.
#[derive(Debug)]
pub(super) enum Failure {
    /// One of the calls cannot be done, and this would be its answer. Nothing was done.
    OfOne(Reply),
    /// Anything else.
    Store(StoreError),
}

/// Carries calls to the server.
#[derive(Debug)]
pub(super) struct Statements {
    connections: Arc<Connections>,
    alone: Function,
    calls: Function,
}

impl Statements {
    pub(super) fn new(connections: Arc<Connections>, names: &Names) -> Self {
        Statements {
            connections,
            alone: Function::new(names, ALONE, 9),
            calls: Function::new(names, CALLS, 10),
        }
    }

    /// The answers to the first of `calls`, in their order: at least one, and as many as the server
    /// gives at once. `calls` are in the order of their addresses.
    pub(super) async fn carry(&self, calls: &[&Call], sent: Sent) -> Result<Vec<Reply>, Failure> {
        // A failure before the statement is sent: nothing was done.
        let InUse { connection, used_before } = self.connections.take().await.map_err(undone)?;
        match timeout(STATEMENT_TIMEOUT, self.ask(connection, calls, sent)).await {
            Ok(Err(error)) if used_before && has_gone(&error) => {
                let answers = self.carry_anew(calls, sent).await;
                if Fate::of(&error) == Fate::Unknown { doubted(answers) } else { answers }
            }
            Ok(answers) => answers.map_err(failed),
            Err(_) => Err(unknown(timed_out("the statement"))),
        }
    }

    /// Carries the calls on a new connection: one that has been idle may be dead without anybody
    /// knowing. Every call may be repeated, by its token.
    async fn carry_anew(&self, calls: &[&Call], sent: Sent) -> Result<Vec<Reply>, Failure> {
        self.connections.forget();
        let connection = self.connections.connect_for_calls().await.map_err(undone)?;
        match timeout(STATEMENT_TIMEOUT, self.ask(connection, calls, sent)).await {
            Ok(answers) => answers.map_err(failed),
            Err(_) => Err(unknown(timed_out("the statement"))),
        }
    }

    async fn ask(
        &self,
        mut connection: Connection,
        calls: &[&Call],
        sent: Sent,
    ) -> Result<Vec<Reply>, sqlx::Error> {
        let rows = match (calls, sent) {
            // Less for the server to unpack.
            ([call], Sent::Together) => self.send_alone(&mut connection, call).await?,
            _ => self.send(&mut connection, calls, sent).await?,
        };
        let answers = in_order(calls.len(), &rows)?;
        self.connections.put(connection);
        Ok(answers)
    }

    async fn send_alone(&self, connection: &mut Connection, call: &Call) -> Result<Vec<PgRow>, sqlx::Error> {
        let values = [
            Value::Word(call.verb),
            Value::Bytes(call.hold.address.as_bytes()),
            Value::Bytes(call.hold.token.as_bytes()),
            Value::Bytes(call.hold.fingerprint.as_bytes()),
            Value::Number(call.first),
            Value::Number(call.second),
            Value::Flag(call.rerun),
            Value::Bytes(&call.record),
            Value::Flag(call.durable),
        ];
        self.alone.call(connection, &values).await
    }

    async fn send(
        &self,
        connection: &mut Connection,
        calls: &[&Call],
        sent: Sent,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let values = [
            Value::Words(column(calls, |call| call.verb)),
            Value::AllBytes(column(calls, |call| &call.hold.address.as_bytes()[..])),
            Value::AllBytes(column(calls, |call| &call.hold.token.as_bytes()[..])),
            Value::AllBytes(column(calls, |call| &call.hold.fingerprint.as_bytes()[..])),
            Value::Numbers(column(calls, |call| call.first)),
            Value::Numbers(column(calls, |call| call.second)),
            Value::Flags(column(calls, |call| call.rerun)),
            Value::AllBytes(column(calls, |call| &call.record[..])),
            Value::Millis(match sent {
                Sent::Together => None,
                Sent::Apart(wait) => Some(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)),
            }),
            Value::Flag(calls.iter().any(|call| call.durable)),
        ];
        self.calls.call(connection, &values).await
    }
}

fn column<'a, T>(calls: &[&'a Call], of: impl Fn(&'a Call) -> T) -> Vec<T> {
    calls.iter().map(|call| of(call)).collect()
}

/// Number of `calls` that fit in one statement: at least one.
pub(super) fn fitting<'a>(calls: impl Iterator<Item = &'a Call>) -> usize {
    let mut bytes = 0;
    let fits = |call: &&Call| {
        bytes += call.record.len();
        bytes <= MOST_BYTES
    };
    calls.take_while(fits).count().max(1)
}

fn in_order(calls: usize, rows: &[PgRow]) -> Result<Vec<Reply>, sqlx::Error> {
    let mut answers = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    answers.sort_unstable_by_key(|(place, _)| *place);
    let in_order = answers.iter().zip(1..).all(|((place, _), wanted)| *place == wanted);
    if !in_order || !(1..=calls).contains(&answers.len()) {
        return Err(sqlx::Error::Protocol("the server left calls without an answer".to_owned()));
    }
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn undone(error: sqlx::Error) -> Failure {
    Failure::Store(StoreError::not_done(NAME, error))
}

fn unknown(error: sqlx::Error) -> Failure {
    Failure::Store(StoreError::unavailable(NAME, error))
}

/// Answers to calls that a dead connection may have carried before. A call that was not done now
/// may have been done then.
fn doubted(answers: Result<Vec<Reply>, Failure>) -> Result<Vec<Reply>, Failure> {
    let error = match answers {
        Err(Failure::Store(StoreError::NotDone { source, .. })) => StoreError::unavailable(NAME, source),
        Err(Failure::OfOne(_)) => StoreError::unavailable(NAME, LOST),
        Ok(answers) if answers.iter().any(did_nothing) => StoreError::unavailable(NAME, LOST),
        answers => return answers,
    };
    Err(Failure::Store(error))
}

/// True where a call found its row locked, or no room for it.
fn did_nothing(reply: &Reply) -> bool {
    matches!(reply.word, Word::Locked | Word::Full)
}

const LOST: &str = "a connection was lost, and a row cannot be written";

/// Failure of a statement that ended with `error`: what was done, as far as that is known.
fn failed(error: sqlx::Error) -> Failure {
    match Fate::of(&error) {
        Fate::Locked => Failure::OfOne(Reply::of(Word::Locked)),
        Fate::Full => {
            tracing::error!(store = NAME, %error, "the server has no room for another row");
            Failure::OfOne(Reply::of(Word::Full))
        }
        Fate::TakenBack => undone(error),
        Fate::Unknown => unknown(error),
    }
}
