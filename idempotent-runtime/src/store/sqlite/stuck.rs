//! Reads the list of stuck entries, on a connection of its own: a reader is in no writer's way.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, sqlite::SqliteRow};

use super::{
    connect::{Busy, Connector},
    failure::NAME,
    rows,
    sql::{Sql, WALKED},
};
use crate::{
    clock::{Clock, Timestamp},
    store::{
        Inspection, StoreError, Stuck, StuckRequest, entry,
        page::{Position, stuck_among},
    },
};

/// Time that a page may take.
const PAGE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) struct StuckReader {
    pub(super) connector: Connector,
    pub(super) sql: Arc<Sql>,
    pub(super) clock: Arc<dyn Clock>,
}

impl StuckReader {
    /// See [`Store::stuck`](crate::Store::stuck).
    pub(super) async fn stuck(&self, request: &StuckRequest) -> Result<Stuck, StoreError> {
        let after = Position::after(request, NAME)?;
        let rows = self.walk(request, after).await.map_err(|error| StoreError::unavailable(NAME, error))?;
        let now = self.clock.now();
        // Rows of a damaged file that cannot be read are passed over.
        let walked = rows.iter().filter_map(|row| walked(row, now)).collect();
        Ok(stuck_among(walked, rows.len() >= WALKED, request))
    }

    /// The rows behind `after`, the first to be forgotten first. Of each record only so many bytes
    /// are read as show whether it is the one that is looked for.
    async fn walk(
        &self,
        request: &StuckRequest,
        after: Option<Position>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut busy = Busy::for_at_most(PAGE_TIMEOUT);
        let mut open = self.connector.connect().await?;
        let rows = loop {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.sql.walk)))
                .bind(after.map_or(i64::MIN, |after| rows::integer(after.time)))
                .bind(after.map(|after| after.address.as_bytes().to_vec()).unwrap_or_default())
                .bind(rows::integer(request.unknown.as_bytes().len()));
            match query.fetch_all(&mut open.connection).await {
                Ok(rows) => break rows,
                Err(error) => busy.wait(error).await?,
            }
        };
        open.check(&self.connector)?;
        let _ = open.connection.close().await;
        Ok(rows)
    }
}

/// The place of a row, and the entry there, if it is one.
fn walked(row: &SqliteRow, now: Timestamp) -> Option<(Position, Option<Inspection>)> {
    let address = rows::address(row)?;
    let time = rows::forgotten_at(row)?.as_millis();
    let entry = rows::entry(row).ok().and_then(|entry| entry::inspect(Some(&entry), address, now));
    Some((Position { time, address }, entry))
}
