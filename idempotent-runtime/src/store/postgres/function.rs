//! The store's functions in the database, and the two ways in which they are called.

use std::{fmt::Write, sync::Arc};

use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, postgres::PgRow, query::Query};

use super::{
    connections::{Connection, Settings},
    names::Names,
};

/// A function of the store's.
///
/// In a session of the store's own its call is a prepared statement, and values are parameters. In
/// a session that a pooler lends for one transaction there are no prepared statements: values are
/// literals in the text of one message, behind the settings of its transaction. Either way a call
/// is one round trip.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// Up to the parenthesis.
    head: Arc<str>,
    prepared: Arc<str>,
}

/// Argument of a function.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Word(&'a str),
    Bytes(&'a [u8]),
    Number(i64),
    Count(i32),
    Millis(Option<i32>),
    Flag(bool),
    Words(Vec<&'a str>),
    AllBytes(Vec<&'a [u8]>),
    Numbers(Vec<i64>),
    Flags(Vec<bool>),
}

impl Function {
    /// The function that `select` ends with, which takes so many values.
    pub(super) fn new(names: &Names, select: &str, values: usize) -> Self {
        let head = names.fill(select);
        let parameters: Vec<String> = (1..=values).map(|number| format!("${number}")).collect();
        let prepared = format!("{head}({})", parameters.join(", "));
        Function { head: head.into(), prepared: prepared.into() }
    }

    /// Calls the function. Gives the rows that it returns.
    pub(super) async fn call(
        &self,
        connection: &mut Connection,
        values: &[Value<'_>],
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let session = &mut connection.session;
        match connection.settings {
            None => self.bound(values).fetch_all(session).await,
            Some(settings) => {
                let text = AssertSqlSafe(self.written(settings, values));
                sqlx::raw_sql(text).fetch_all(session).await
            }
        }
    }

    /// The statement with its values as parameters.
    pub(super) fn bound<'q>(&self, values: &'q [Value<'q>]) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.prepared)));
        values.iter().fold(query, |query, value| match value {
            Value::Word(word) => query.bind(*word),
            Value::Bytes(bytes) => query.bind(*bytes),
            Value::Number(number) => query.bind(*number),
            Value::Count(count) => query.bind(*count),
            Value::Millis(millis) => query.bind(*millis),
            Value::Flag(flag) => query.bind(*flag),
            Value::Words(words) => query.bind(&words[..]),
            Value::AllBytes(all) => query.bind(&all[..]),
            Value::Numbers(numbers) => query.bind(&numbers[..]),
            Value::Flags(flags) => query.bind(&flags[..]),
        })
    }

    /// The text with its values as literals.
    fn written(&self, settings: Settings, values: &[Value<'_>]) -> String {
        let bytes: usize = values.iter().map(Value::written_bytes).sum();
        let mut text = String::with_capacity(256 + self.head.len() + bytes);
        text.extend(settings.iter().copied());
        text.push_str(&self.head);
        list(&mut text, ('(', ')'), values, |text, value| value.write(text));
        text
    }
}

impl Value<'_> {
    /// Length of its literal, roughly.
    fn written_bytes(&self) -> usize {
        const OTHER: usize = 24;
        match self {
            Value::Bytes(bytes) => OTHER + 2 * bytes.len(),
            Value::AllBytes(all) => all.iter().map(|bytes| OTHER + 2 * bytes.len()).sum(),
            Value::Words(words) => OTHER * (words.len() + 1),
            Value::Numbers(numbers) => OTHER * (numbers.len() + 1),
            Value::Flags(flags) => OTHER * (flags.len() + 1),
            _ => OTHER,
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Value::Word(word) => write_word(text, word),
            Value::Bytes(bytes) => write_bytes(text, bytes),
            Value::Number(number) => write_shown(text, number),
            Value::Count(count) | Value::Millis(Some(count)) => write_shown(text, count),
            Value::Millis(None) => text.push_str("NULL"),
            Value::Flag(flag) => write_shown(text, flag),
            Value::Words(words) => array(text, "text", words, |text, word| write_word(text, word)),
            Value::AllBytes(all) => array(text, "bytea", all, |text, bytes| write_bytes(text, bytes)),
            Value::Numbers(numbers) => array(text, "bigint", numbers, write_shown),
            Value::Flags(flags) => array(text, "boolean", flags, write_shown),
        }
    }
}

fn write_shown(text: &mut String, shown: &impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(text, "{shown}");
}

fn write_word(text: &mut String, word: &str) {
    debug_assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "a verb is a word");
    text.push('\'');
    text.extend(word.chars().filter(char::is_ascii_lowercase));
    text.push('\'');
}

/// A literal that is read alike in every session, whatever its setting for backslashes.
fn write_bytes(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    text.push_str("E'\\\\x");
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text.push('\'');
}

fn array<T>(text: &mut String, of: &str, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push_str("ARRAY");
    list(text, ('[', ']'), items, write);
    text.push_str("::");
    text.push_str(of);
    text.push_str("[]");
}

fn list<T>(text: &mut String, around: (char, char), items: &[T], write: impl Fn(&mut String, &T)) {
    text.push(around.0);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        write(text, item);
    }
    text.push(around.1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_prepared_statement_or_one_text_with_its_values() {
        let names = Names::new("payments", "keys").unwrap();
        let function = Function::new(&names, "SELECT said FROM {schema}.{table}_alone", 4);
        assert_eq!(&*function.prepared, "SELECT said FROM \"payments\".keys_alone($1, $2, $3, $4)");
        let one = [
            Value::Word("claim"),
            Value::Bytes(&[0, 0x5c, 0x27, 0xff]),
            Value::Number(-1),
            Value::Flag(true),
        ];
        assert_eq!(
            function.written(&["SET LOCAL a = b; "], &one),
            "SET LOCAL a = b; SELECT said FROM \"payments\".keys_alone('claim', E'\\\\x005c27ff', -1, true)"
        );
        let many = [
            Value::Words(vec!["claim", "renew"]),
            Value::AllBytes(vec![&[1], &[]]),
            Value::Numbers(vec![1, 2]),
            Value::Millis(None),
        ];
        assert_eq!(
            function.written(&[], &many),
            "SELECT said FROM \"payments\".keys_alone(ARRAY['claim', 'renew']::text[], \
             ARRAY[E'\\\\x01', E'\\\\x']::bytea[], ARRAY[1, 2]::bigint[], NULL)"
        );
    }
}
