//! Looks at entries. They take no lock and wait for none, so they do not go with the calls.

use std::{sync::Arc, time::Duration};

use sqlx::{Row, postgres::PgRow};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    connections::{Connection, Connections, InUse},
    failure::{NAME, has_gone, timed_out},
    function::{Function, Value},
    names::Names,
};
use crate::{
    request::{Address, RequestFingerprint},
    store::{
        Inspection, Record, Standing, StoreError, Stuck, StuckRequest, Token,
        page::{Position, stuck_among},
    },
};

/// Time that a statement may take; the server gives it up a little earlier.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Number of statements that are under way at a time; others wait for their turn.
const AT_A_TIME: usize = 2;
/// Number of rows that are looked at for a page of stuck entries.
const WALKED: i32 = 1_000;

const INSPECT: &str = "SELECT * FROM {schema}.{table}_inspect";
const STUCK: &str = "SELECT * FROM {schema}.{table}_stuck";

/// Looks into one table.
#[derive(Debug)]
pub(super) struct Inspector {
    connections: Arc<Connections>,
    // Each look has a connection of its own, and their number is bounded.
    places: Semaphore,
    inspect: Function,
    stuck: Function,
}

impl Inspector {
    pub(super) fn new(connections: Arc<Connections>, names: &Names) -> Self {
        let places = Semaphore::new(AT_A_TIME);
        let (inspect, stuck) = (Function::new(names, INSPECT, 1), Function::new(names, STUCK, 4));
        Inspector { connections, places, inspect, stuck }
    }

    /// See [`Store::inspect`](crate::Store::inspect).
    pub(super) async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        let rows = self.rows(&self.inspect, &[Value::Bytes(address.as_bytes())]).await.map_err(failed)?;
        let read = |row: &PgRow| {
            let record: Option<Vec<u8>> = row.try_get(7)?;
            inspection(row, 0, address, record.map(Record::from_bytes))
        };
        rows.first().map(read).transpose().map_err(failed).map(Option::flatten)
    }

    /// See [`Store::stuck`](crate::Store::stuck).
    pub(super) async fn stuck(&self, request: &StuckRequest) -> Result<Stuck, StoreError> {
        let after = Position::after(request, NAME)?;
        let (place, address) = after.map_or((0, Vec::new()), |Position { time, address }| {
            (i64::try_from(time).unwrap_or(i64::MAX), address.as_bytes().to_vec())
        });
        let unknown = &request.unknown;
        let values = [
            Value::Number(place),
            Value::Bytes(&address),
            Value::Count(WALKED),
            Value::Bytes(unknown.as_bytes()),
        ];
        let rows = self.rows(&self.stuck, &values).await.map_err(failed)?;
        let walked = rows.iter().map(|row| walked(row, unknown)).collect::<Result<_, _>>().map_err(failed)?;
        Ok(stuck_among(walked, rows.len() >= WALKED.unsigned_abs() as usize, request))
    }

    /// The server's answer. An idle connection may be dead without anybody knowing, so a second try
    /// is made on a new one.
    async fn rows(&self, function: &Function, values: &[Value<'_>]) -> Result<Vec<PgRow>, sqlx::Error> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let InUse { connection, used_before } = self.connections.take().await?;
        match self.rows_on(connection, function, values).await {
            Err(error) if used_before && has_gone(&error) => {
                self.connections.forget();
                self.rows_on(self.connections.connect_for_calls().await?, function, values).await
            }
            rows => rows,
        }
    }

    async fn rows_on(
        &self,
        mut connection: Connection,
        function: &Function,
        values: &[Value<'_>],
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let rows = timeout(STATEMENT_TIMEOUT, function.call(&mut connection, values)).await;
        let rows = rows.unwrap_or_else(|_| Err(timed_out("a look")))?;
        self.connections.put(connection);
        Ok(rows)
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Decode(why) => StoreError::unreadable(NAME, why),
        error => StoreError::unavailable(NAME, error),
    }
}

/// The place of a row, and everything known of its entry, if the entry is stuck.
fn walked(row: &PgRow, unknown: &Record) -> Result<(Position, Option<Inspection>), sqlx::Error> {
    let (time, address): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
    let address = Address::from_bytes(address.try_into().map_err(|_| unreadable("an address"))?);
    let entry = match inspection(row, 2, address, Some(unknown.clone())) {
        // Rows that cannot be read are passed over.
        Err(sqlx::Error::Decode(_)) => None,
        entry => entry?,
    };
    Ok((Position { time: time.unsigned_abs(), address }, entry))
}

/// Everything known of an entry, from the column `first` on: token, state, attempt, the times that
/// are left, label and fingerprint. Nothing where there is no state.
fn inspection(
    row: &PgRow,
    first: usize,
    address: Address,
    record: Option<Record>,
) -> Result<Option<Inspection>, sqlx::Error> {
    let state: Option<&str> = row.try_get(first + 1)?;
    let Some(state) = state else { return Ok(None) };
    let token: Vec<u8> = row.try_get(first)?;
    let token = Token::from_bytes(token.try_into().map_err(|_| unreadable("a token"))?);
    let (attempt, left, kept): (i32, i64, i64) =
        (row.try_get(first + 2)?, row.try_get(first + 3)?, row.try_get(first + 4)?);
    let (attempt, micros) = (attempt.unsigned_abs(), Duration::from_micros(left.unsigned_abs()));
    let standing = match (state, left > 0, record) {
        ("c", true, _) => Standing::Running { lease_left: micros },
        ("c" | "a", ..) => Standing::Abandoned { lapsed: micros },
        ("d", true, Some(record)) => Standing::Completed { record, left: micros },
        ("d", ..) => Standing::Expired,
        _ => return Err(unreadable("a state")),
    };
    let kept_for = Duration::from_micros(kept.unsigned_abs());
    let (label, fingerprint): (Vec<u8>, Vec<u8>) = (row.try_get(first + 5)?, row.try_get(first + 6)?);
    let label = String::from_utf8_lossy(&label).into_owned().into();
    let fingerprint = fingerprint.try_into().map_err(|_| unreadable("a fingerprint"))?;
    let fingerprint = RequestFingerprint::from_bytes(fingerprint);
    Ok(Some(Inspection { address, token, attempt, standing, kept_for, label, fingerprint }))
}

fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} in the table is not one").into())
}
