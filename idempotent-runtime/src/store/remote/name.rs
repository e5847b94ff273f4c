//! Names of tables and schemas, which become part of SQL.

use crate::store::SetupError;

/// The longest name: PostgreSQL cuts identifiers at 63 bytes, and names of indexes and functions
/// are made from it.
const LONGEST: usize = 48;

/// `name`, if it can be the name of `what`. It can be a word of SQL, so it has to be quoted where
/// those mean something else.
///
/// # Errors
/// Where it cannot.
pub(crate) fn checked(what: &'static str, name: impl Into<String>) -> Result<String, SetupError> {
    let name = name.into();
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let consists = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if begins && consists && name.len() <= LONGEST {
        return Ok(name);
    }
    Err(SetupError::Name { what, name })
}
