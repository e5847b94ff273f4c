//! Says loudly what the server's settings may cost.

use sqlx::{Executor, PgConnection, Row};

use super::failure::{NAME, refused};
use crate::store::SetupError;

const SETTINGS: &str = "SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes')";

/// Warns where the server may lose what it has acknowledged.
pub(super) async fn warn(connection: &mut PgConnection) -> Result<(), SetupError> {
    let [synchronous_commit, fsync, full_page_writes] = read(connection).await.map_err(refused)?;
    if synchronous_commit == "off" {
        tracing::warn!(
            store = NAME,
            "synchronous_commit is off: a crash of the server loses claims and responses of the last moments, and their \
             requests run again"
        );
    }
    if fsync == "off" || full_page_writes == "off" {
        tracing::warn!(
            store = NAME,
            fsync,
            full_page_writes,
            "a crash of the server's machine may damage the keys, and requests run again"
        );
    }
    Ok(())
}

async fn read(connection: &mut PgConnection) -> Result<[String; 3], sqlx::Error> {
    let row = connection.fetch_one(SETTINGS).await?;
    Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])
}
