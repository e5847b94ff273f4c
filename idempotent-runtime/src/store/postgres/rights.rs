//! Rights of the store's user, looked up before they are needed.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{
    failure::{NAME, refused},
    names::Names,
};
use crate::store::SetupError;

/// Functions that run with the rights of the store's user.
const FUNCTIONS: [&str; 16] = [
    "alone",
    "call",
    "calls",
    "claim",
    "complete",
    "complete_within",
    "forget",
    "inspect",
    "look",
    "prepare",
    "release",
    "renew",
    "resolve",
    "stuck",
    "sweep",
    "tell",
];

/// Finds missing rights to use the parts of a schema that are there.
const TO_USE: &str = "
SELECT 1, 'USAGE on schema {schema_name}' FROM pg_namespace
WHERE nspname = '{schema_name}' AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT place, privilege || ' on table {schema_name}.' || relname
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN (VALUES (2, '{table}', 'SELECT'), (3, '{table}', 'INSERT'), (4, '{table}', 'UPDATE'), (5, '{table}', 'DELETE'),
    (6, '{table}_versions', 'SELECT')) AS needed (place, name, privilege) ON needed.name = relname
WHERE nspname = '{schema_name}' AND NOT has_table_privilege(pg_class.oid, privilege)
UNION ALL
SELECT 7, 'EXECUTE on function {schema_name}.' || proname
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = '{schema_name}' AND proname IN ({functions}) AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')";

/// Finds missing rights to make the parts that are not there.
const TO_MIGRATE: &str = "
SELECT 1, 'CREATE on database ' || current_database()
WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{schema_name}')
    AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 2, 'CREATE on schema {schema_name}' FROM pg_namespace
WHERE nspname = '{schema_name}' AND NOT has_schema_privilege(oid, 'CREATE')";

/// Fails where the user may not use the parts of the schema that are there.
pub(super) async fn to_use(connection: &mut PgConnection, names: &Names) -> Result<(), SetupError> {
    let functions = FUNCTIONS.map(|function| format!("'{}_{function}'", names.table)).join(", ");
    check(connection, names.fill(TO_USE).replace("{functions}", &functions)).await
}

/// Fails where the user may not make the parts of the schema that are missing.
pub(super) async fn to_migrate(connection: &mut PgConnection, names: &Names) -> Result<(), SetupError> {
    check(connection, names.fill(TO_MIGRATE)).await
}

/// Fails where `missing` finds any rights, each with its place among those that the error names.
async fn check(connection: &mut PgConnection, missing: String) -> Result<(), SetupError> {
    let with_user = format!(
        "SELECT current_user::text, missing FROM ({missing}) AS rights (place, missing) ORDER BY place, missing"
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(with_user)).fetch_all(connection).await.map_err(refused)?;
    let read = |column| rows.iter().map(move |row| row.try_get::<&str, _>(column));
    let missing = read(1).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    match read(0).next().transpose().map_err(refused)? {
        None => Ok(()),
        Some(user) => {
            Err(SetupError::Rights { store: NAME, user: user.to_owned(), missing: missing.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_schema_is_looked_up() {
        let made = |script: &str| {
            let functions = script.split("CREATE FUNCTION {schema}.{table}_").skip(1);
            functions.map(|rest| rest.split('(').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut made: Vec<_> =
            crate::store::postgres::migrate::MIGRATIONS.iter().flat_map(|script| made(script)).collect();
        made.sort();
        assert_eq!(made, FUNCTIONS);
    }
}
