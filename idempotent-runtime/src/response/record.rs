//! Stored record, version 1: a version byte, a CRC-32 of the rest (little-endian), and the outcome
//! in postcard's format.
//!
//! Bytes that cannot be read, because they are damaged or of a later version, are no record: their
//! outcome is unknown.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{
            CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER,
            TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
        },
    },
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

use super::content::content;
use crate::store::Record;

const VERSION: u8 = 1;
const HEADER: usize = 5;

#[derive(Serialize, Deserialize)]
enum Outcome<'a> {
    #[serde(borrow)]
    Response(Stored<'a>),
    NotStored,
    #[serde(borrow)]
    Value(Raw<'a>),
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<(&'a str, Raw<'a>)>,
    #[serde(borrow)]
    body: Option<Raw<'a>>,
}

/// Bytes that are written at once. serde would write a slice of them one by one. The written form
/// is the same.
#[derive(Deserialize)]
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Content of a record.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The response to replay.
    Response(Replay),
    /// The effect happened, and its response is not kept.
    NotStored,
    /// The effect may have happened or not: that is not known, and never will be.
    Unknown,
}

/// A recorded response.
#[derive(Debug)]
pub(crate) struct Replay(HttpResponse);

/// A record that cannot be read: damaged, or of a version this build does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record cannot be read")]
pub(crate) struct Unreadable;

/// Record of this response, without the parts that its status does not allow to be sent.
pub(crate) fn of_response(
    status: StatusCode,
    headers: &HeaderMap,
    set_cookie: bool,
    body: Option<&Bytes>,
) -> Record {
    let named = connection_headers(headers);
    let kept = headers
        .iter()
        .filter(|(name, _)| is_stored(name, set_cookie) && !named.contains(&name.as_str().into()))
        .map(|(name, value)| (name.as_str(), Raw(value.as_bytes())))
        .collect();
    write(&Outcome::Response(Stored {
        status: status.as_u16(),
        headers: kept,
        body: body.map(|bytes| Raw(content(status, bytes))),
    }))
}

/// Record of a step that has run, with its value.
pub(crate) fn of_value(value: &[u8]) -> Record {
    write(&Outcome::Value(Raw(value)))
}

/// Record of an effect of which nothing else is kept: no response, no value.
pub(crate) fn of_nothing() -> Record {
    write(&Outcome::NotStored)
}

/// Record of an execution that may have had its effect or not: nobody will ever know.
pub(crate) fn of_refusal() -> Record {
    write(&Outcome::Unknown)
}

/// Writes a record. An outcome that cannot be written becomes a record that cannot be read, so that
/// the request is never run again.
fn write(outcome: &Outcome<'_>) -> Record {
    Record::from_bytes(encode(outcome).unwrap_or_default())
}

fn encode(outcome: &Outcome<'_>) -> Option<Vec<u8>> {
    let size = postcard::experimental::serialized_size(outcome).ok()?;
    let mut bytes = Vec::with_capacity(HEADER + size);
    bytes.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    let mut bytes = postcard::to_extend(outcome, bytes).ok()?;
    let checksum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
    bytes[1..HEADER].copy_from_slice(&checksum);
    Some(bytes)
}

/// Reads the record of a request. The body is a slice of it.
pub(crate) fn read(record: &Record) -> Result<Recorded, Unreadable> {
    match outcome(record)? {
        Outcome::NotStored => Ok(Recorded::NotStored),
        Outcome::Unknown => Ok(Recorded::Unknown),
        Outcome::Response(stored) => stored.replay(record.as_bytes()).map(Recorded::Response),
        Outcome::Value(_) => Err(Unreadable),
    }
}

/// Reads the record of a step. `None`: the step has run, and its value is not kept.
pub(crate) fn read_value(record: &Record) -> Result<Option<&[u8]>, Unreadable> {
    match outcome(record)? {
        Outcome::NotStored => Ok(None),
        Outcome::Value(Raw(value)) => Ok(Some(value)),
        Outcome::Response(_) | Outcome::Unknown => Err(Unreadable),
    }
}

/// True where the content of the record is known, so that nobody may ever replace the record.
pub(crate) fn is_final(record: &Record) -> bool {
    match outcome(record) {
        Ok(Outcome::Response(stored)) => stored.replay(record.as_bytes()).is_ok(),
        Ok(Outcome::NotStored | Outcome::Value(_)) => true,
        Ok(Outcome::Unknown) | Err(_) => false,
    }
}

/// Status of the recorded response, if the record holds one.
pub(crate) fn status(record: &Record) -> Option<StatusCode> {
    match outcome(record) {
        Ok(Outcome::Response(stored)) => StatusCode::from_u16(stored.status).ok(),
        _ => None,
    }
}

fn outcome(record: &Record) -> Result<Outcome<'_>, Unreadable> {
    let (header, content) = record.as_bytes().split_at_checked(HEADER).ok_or(Unreadable)?;
    if header[0] != VERSION || header[1..] != crc32fast::hash(content).to_le_bytes() {
        return Err(Unreadable);
    }
    match postcard::take_from_bytes(content) {
        Ok((outcome, [])) => Ok(outcome),
        _ => Err(Unreadable),
    }
}

impl Stored<'_> {
    fn replay(&self, record: &Bytes) -> Result<Replay, Unreadable> {
        let status = StatusCode::from_u16(self.status).map_err(|_| Unreadable)?;
        let mut response = HttpResponse::new(status);
        let headers = response.headers_mut();
        for (name, Raw(value)) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unreadable)?;
            let value = HeaderValue::from_maybe_shared(record.slice_ref(value)).map_err(|_| Unreadable)?;
            headers.append(name, value);
        }
        Ok(Replay(match &self.body {
            Some(Raw(body)) => {
                response.set_body(record.slice_ref(content(status, body))).map_into_boxed_body()
            }
            None => response,
        }))
    }
}

/// Marks a response as the recorded one.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Replay {
    /// The recorded response again, marked as a replay.
    pub(crate) fn into_response(self) -> HttpResponse {
        let Replay(mut response) = self;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

/// True for a header that is part of the record. Headers that belong to one connection, one moment
/// or one caller are not.
fn is_stored(name: &HeaderName, set_cookie: bool) -> bool {
    const NEVER: [HeaderName; 8] =
        [CONNECTION, CONTENT_LENGTH, DATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE];
    let text = name.as_str();
    !(NEVER.contains(name)
        || text == "keep-alive"
        || text == REPLAYED.as_str()
        || text.starts_with("proxy-")
        || (name == SET_COOKIE && !set_cookie))
}

/// Headers that `Connection` declares to be hop-by-hop (RFC 9110, section 7.6.1).
fn connection_headers(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let lines = headers.get_all(CONNECTION).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase().into()).collect()
}
