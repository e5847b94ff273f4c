//! Transactions on connections of sqlx, of whichever database.

use sqlx::{
    AssertSqlSafe, ColumnIndex, Decode, Encode, Executor, IntoArguments, Row, SqlSafeStr, Type,
    pool::PoolConnection,
};
use sqlx_core::transaction::TransactionManager;

use super::TransactionError;

/// Begins a transaction with this statement.
pub(crate) async fn begin<DB: sqlx::Database>(
    connection: &mut DB::Connection,
    statement: impl SqlSafeStr,
) -> Result<(), TransactionError> {
    Ok(DB::TransactionManager::begin(connection, Some(statement.into_sql_str())).await?)
}

/// Runs a text of statements, which are not prepared.
pub(crate) async fn run<DB>(connection: &mut DB::Connection, text: &str) -> Result<(), TransactionError>
where
    DB: sqlx::Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await?;
    Ok(())
}

/// Runs one statement with bytes as parameters, and gives the bytes of its first row.
pub(crate) async fn execute<DB>(
    connection: &mut DB::Connection,
    (statement, parameters): (&str, &[&[u8]]),
    persistent: bool,
) -> Result<Option<Vec<u8>>, TransactionError>
where
    DB: sqlx::Database + sqlx::database::HasStatementCache,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> Vec<u8>: Encode<'r, DB> + Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(persistent);
    for parameter in parameters {
        query = query.bind(parameter.to_vec());
    }
    let row = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(crate) async fn commit<DB: sqlx::Database>(
    connection: &mut DB::Connection,
) -> Result<(), TransactionError> {
    Ok(DB::TransactionManager::commit(connection).await?)
}

/// Rolls back everything, from the innermost savepoint on.
pub(crate) async fn rollback<DB: sqlx::Database>(
    connection: &mut DB::Connection,
) -> Result<(), TransactionError> {
    while depth::<DB>(connection) > 0 {
        DB::TransactionManager::rollback(connection).await?;
    }
    Ok(())
}

/// Number of open transactions, one inside the other.
pub(crate) fn depth<DB: sqlx::Database>(connection: &DB::Connection) -> usize {
    <DB::TransactionManager as TransactionManager>::get_transaction_depth(connection)
}

/// Closes a connection instead of giving it back to its pool.
pub(crate) fn close<DB: sqlx::Database>(mut connection: PoolConnection<DB>) {
    connection.close_on_drop();
}
