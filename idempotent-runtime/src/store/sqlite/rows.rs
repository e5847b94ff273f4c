//! Entries as rows, and back.

use std::time::Duration;

use sqlx::{
    Arguments, Decode, Row, Sqlite, Type,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::batch::Found;
use crate::{
    clock::Timestamp,
    request::{Address, RequestFingerprint},
    store::{
        Record, Token,
        entry::{Entry, State},
    },
};

const CLAIMED: u32 = 0;
const ABANDONED: u32 = 1;
const COMPLETED: u32 = 2;
const EXPIRED: u32 = 3;

/// Addresses as one value.
pub(super) fn joined(addresses: &[Address]) -> Vec<u8> {
    addresses.iter().flat_map(|address| *address.as_bytes()).collect()
}

/// A number as SQLite keeps it. A number that is too large becomes the largest: such a time never
/// ends.
pub(super) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Binds the ten columns of one row.
///
/// # Errors
/// A value cannot be encoded.
pub(super) fn bind(
    arguments: &mut SqliteArguments,
    address: Address,
    entry: Entry,
) -> Result<(), sqlx::Error> {
    let (state, until, retention, record) = match entry.state {
        State::Claimed { lease_until, retention } => (CLAIMED, lease_until, retention, None),
        State::Abandoned { lease_until } => (ABANDONED, lease_until, Duration::ZERO, None),
        State::Expired { replayed_until } => (EXPIRED, replayed_until, Duration::ZERO, None),
        State::Completed { record, replay_until } => (COMPLETED, replay_until, Duration::ZERO, Some(record)),
    };
    let mut add = || {
        arguments.add(address.as_bytes().as_slice())?;
        arguments.add(entry.fingerprint.as_bytes().as_slice())?;
        arguments.add(entry.token.as_bytes().as_slice())?;
        arguments.add(i64::from(state))?;
        arguments.add(i64::from(entry.attempt))?;
        arguments.add(integer(until.as_millis()))?;
        arguments.add(integer(retention.as_millis()))?;
        arguments.add(integer(entry.forget_at.as_millis()))?;
        arguments.add(&*entry.label)?;
        arguments.add(record.as_ref().map(|record| record.as_bytes().as_ref()))
    };
    add().map_err(sqlx::Error::Encode)
}

/// The place in the list of addresses that `row` answers.
///
/// # Errors
/// The row has none.
pub(super) fn place(row: &SqliteRow, addresses: &[Address]) -> Result<Address, sqlx::Error> {
    let place: i64 = row.try_get(0)?;
    let address = usize::try_from(place).ok().and_then(|place| addresses.get(place));
    address.copied().ok_or_else(|| sqlx::Error::Decode("a row for an address that was not asked for".into()))
}

/// The address in the first column of `row`.
pub(super) fn address(row: &SqliteRow) -> Option<Address> {
    bytes(row, 0).map(Address::from_bytes)
}

/// Time from which on the entry in `row` is forgotten.
pub(super) fn forgotten_at(row: &SqliteRow) -> Option<Timestamp> {
    moment(row, 7).ok()
}

/// The entry that `row` holds, if it is one.
pub(super) fn entry(row: &SqliteRow) -> Found {
    let token = bytes(row, 2).ok_or("the token is not one")?;
    let fingerprint = bytes(row, 1).ok_or("the fingerprint is not one")?;
    let attempt = number(row, 4).and_then(|number| number.try_into().ok()).ok_or("the attempt is not one")?;
    let until = moment(row, 5)?;
    let state = match number(row, 3).and_then(|number| number.try_into().ok()) {
        Some(CLAIMED) => State::Claimed { lease_until: until, retention: length(row, 6)? },
        Some(ABANDONED) => State::Abandoned { lease_until: until },
        Some(EXPIRED) => State::Expired { replayed_until: until },
        Some(COMPLETED) => State::Completed { record: record(row, 9)?, replay_until: until },
        _ => return Err("the state is not one"),
    };
    Ok(Entry {
        fingerprint: RequestFingerprint::from_bytes(fingerprint),
        token: Token::from_bytes(token),
        attempt,
        state,
        forget_at: moment(row, 7)?,
        label: value::<&str>(row, 8).ok_or("the label is not one")?.to_owned().into(),
    })
}

/// Value of a column, if it is of this type. NULL is of no type, though the driver would read it as
/// zero or as no bytes.
fn value<'r, T>(row: &'r SqliteRow, column: usize) -> Option<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get::<Option<T>, _>(column).ok().flatten()
}

fn bytes<const N: usize>(row: &SqliteRow, column: usize) -> Option<[u8; N]> {
    value::<&[u8]>(row, column)?.try_into().ok()
}

fn number(row: &SqliteRow, column: usize) -> Option<u64> {
    value::<i64>(row, column)?.try_into().ok()
}

fn moment(row: &SqliteRow, column: usize) -> Result<Timestamp, &'static str> {
    number(row, column).map(Timestamp::from_millis).ok_or("a time is not one")
}

fn length(row: &SqliteRow, column: usize) -> Result<Duration, &'static str> {
    number(row, column).map(Duration::from_millis).ok_or("a length of time is not one")
}

fn record(row: &SqliteRow, column: usize) -> Result<Record, &'static str> {
    value::<Vec<u8>>(row, column).map(Record::from_bytes).ok_or("the record is missing")
}
