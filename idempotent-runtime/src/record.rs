//! Stored record, version 1: a version byte, a CRC-32 of the rest (little-endian), and the outcome
//! in postcard's format.
//!
//! Bytes that cannot be read, because they are damaged or of a later version, are no record: their
//! outcome is unknown.

use serde::{Deserialize, Serialize, Serializer};

use crate::store::Record;

const VERSION: u8 = 1;
const HEADER: usize = 5;

/// Content of a record.
#[derive(Serialize, Deserialize)]
pub(crate) enum Content<'a> {
    #[serde(borrow)]
    Response(Stored<'a>),
    NotStored,
    #[serde(borrow)]
    Value(Raw<'a>),
    Unknown,
}

/// A response.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored<'a> {
    pub(crate) status: u16,
    #[serde(borrow)]
    pub(crate) headers: Vec<(&'a str, Raw<'a>)>,
    #[serde(borrow)]
    pub(crate) body: Option<Raw<'a>>,
}

/// Bytes that are written at once. serde would write a slice of them one by one. The written form
/// is the same.
#[derive(Deserialize)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A record that cannot be read: damaged, or of a version this build does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record cannot be read")]
pub(crate) struct Unreadable;

/// Record of a step that has run, with its value.
pub(crate) fn of_value(value: &[u8]) -> Record {
    write(&Content::Value(Raw(value)))
}

/// Record of an effect of which nothing else is kept: no response, no value.
pub(crate) fn of_nothing() -> Record {
    write(&Content::NotStored)
}

/// Record of an execution that may have had its effect or not: nobody will ever know.
pub(crate) fn of_unknown() -> Record {
    write(&Content::Unknown)
}

/// Writes a record. An outcome that cannot be written becomes a record that cannot be read, so that
/// the request is never run again.
pub(crate) fn write(content: &Content<'_>) -> Record {
    Record::from_bytes(encode(content).unwrap_or_default())
}

fn encode(content: &Content<'_>) -> Option<Vec<u8>> {
    let size = postcard::experimental::serialized_size(content).ok()?;
    let mut bytes = Vec::with_capacity(HEADER + size);
    bytes.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    let mut bytes = postcard::to_extend(content, bytes).ok()?;
    let checksum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
    bytes[1..HEADER].copy_from_slice(&checksum);
    Some(bytes)
}

/// True where the record says that there is no outcome to be known.
pub(crate) fn is_unknown(record: &Record) -> bool {
    matches!(content(record), Ok(Content::Unknown))
}

/// Reads the record of a step. `None`: the step has run, and its value is not kept.
pub(crate) fn read_value(record: &Record) -> Result<Option<&[u8]>, Unreadable> {
    match content(record)? {
        Content::NotStored => Ok(None),
        Content::Value(Raw(value)) => Ok(Some(value)),
        Content::Response(_) | Content::Unknown => Err(Unreadable),
    }
}

/// Content of a record.
pub(crate) fn content(record: &Record) -> Result<Content<'_>, Unreadable> {
    let (header, content) = record.as_bytes().split_at_checked(HEADER).ok_or(Unreadable)?;
    if header[0] != VERSION || header[1..] != crc32fast::hash(content).to_le_bytes() {
        return Err(Unreadable);
    }
    match postcard::take_from_bytes(content) {
        Ok((content, [])) => Ok(content),
        _ => Err(Unreadable),
    }
}
