//! Names of a store's schema and table, and the SQL that is made from them.

use crate::store::{SetupError, remote::checked};

/// The longest name of a channel, in bytes.
const LONGEST_CHANNEL: usize = 63;

/// The checked names of a store's schema and table, and of its channel.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) schema: String,
    pub(super) table: String,
    /// Channel on which changes are notified. A database has one name space for all its channels.
    pub(super) channel: String,
}

/// The schema and the table of a store that is told no other names.
pub(super) const SCHEMA: &str = "idempotent";
pub(super) const TABLE: &str = "keys";

impl Default for Names {
    fn default() -> Self {
        let (schema, table) = (SCHEMA.to_owned(), TABLE.to_owned());
        Names { channel: channel(SCHEMA, TABLE), schema, table }
    }
}

impl Names {
    pub(super) fn new(schema: &str, table: &str) -> Result<Self, SetupError> {
        let (schema, table) = (checked("schema", schema)?, checked("table", table)?);
        let channel = channel(&schema, &table);
        Ok(Names { schema, table, channel })
    }

    /// Text of `template` with these names in the places of `{schema}`, `{schema_name}`, `{table}`
    /// and `{channel}`. A name may be a word of SQL. So `{schema}` is quoted; behind the schema and
    /// its point a table need not be.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{schema}", &format!("\"{}\"", self.schema))
            .replace("{schema_name}", &self.schema)
            .replace("{table}", &self.table)
            .replace("{channel}", &self.channel)
    }
}

/// Name of the channel. Long names may share a channel: a waiter that is woken for nothing looks
/// and waits on.
fn channel(schema: &str, table: &str) -> String {
    let full = format!("{schema}.{table}");
    if full.len() <= LONGEST_CHANNEL {
        return full;
    }
    let sum = crc32fast::hash(full.as_bytes());
    format!("{}.{sum:08x}", &schema[..schema.len().min(LONGEST_CHANNEL - 9)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_their_places_in_the_sql() {
        let names = Names::new("payments", "keys").unwrap();
        assert_eq!(
            names.fill("{schema}.{table}_calls '{channel}'"),
            "\"payments\".keys_calls 'payments.keys'"
        );
    }

    #[test]
    fn the_longest_names_have_a_channel() {
        let longest = "x".repeat(48);
        let names = Names::new(&longest, &longest).unwrap();
        assert!(names.channel.len() <= LONGEST_CHANNEL, "{}", names.channel);
        assert_ne!(names.channel, Names::new(&longest, "keys").unwrap().channel);
    }

    #[test]
    fn a_name_that_is_not_one_is_an_error() {
        for name in ["", "Keys", "1st", "a b", "a;drop table x", "\"", &"x".repeat(49)] {
            assert!(Names::new("idempotent", name).is_err(), "{name}");
            assert!(Names::new(name, "keys").is_err(), "{name}");
        }
    }
}
