//! Names of tables and schemas, which become part of SQL.

use crate::store::SetupError;

/// The longest name. PostgreSQL cuts identifiers at 63 bytes, and names of indexes and functions
/// are made from this one.
const LONGEST: usize = 48;

/// `name`, if it can be the name of `what`. It may be a word of SQL, so it has to be quoted where
/// that word means something else.
///
/// # Errors
/// It cannot be one.
pub(crate) fn checked(what: &'static str, name: impl Into<String>) -> Result<String, SetupError> {
    let name = name.into();
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let consists = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if begins && consists && name.len() <= LONGEST {
        return Ok(name);
    }
    Err(SetupError::Name { what, name })
}
