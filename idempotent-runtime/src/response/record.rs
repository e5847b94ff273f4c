//! The stored record, version 1: a version byte, a CRC-32 of the rest (little-endian), and the outcome in postcard's format.
//!
//! What cannot be read, because it is damaged or of a version to come, is no record: its outcome is unknown.

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

use crate::store::Record;

const VERSION: u8 = 1;
const HEADER: usize = 5;

#[derive(Serialize, Deserialize)]
enum Outcome<'a> {
    #[serde(borrow)]
    Response(Stored<'a>),
    NotStored,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<(&'a str, Raw<'a>)>,
    #[serde(borrow)]
    body: Option<Raw<'a>>,
}

/// Bytes that are written at once. serde writes a slice of them one by one; what is written is the same.
#[derive(Deserialize)]
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// What a record says.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The response to replay.
    Response(Replay),
    /// The effect happened; its response is not kept.
    NotStored,
}

/// A recorded response.
#[derive(Debug)]
pub(crate) struct Replay {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
}

/// A record that cannot be read: damaged, or of a version this build does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record cannot be read")]
pub(crate) struct Unreadable;

/// The record of this response.
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
        body: body.map(|bytes| Raw(bytes)),
    }))
}

/// The record of an effect whose response is not kept.
pub(crate) fn of_nothing() -> Record {
    write(&Outcome::NotStored)
}

/// What cannot be written is a record that cannot be read, so that the request is never run again.
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

/// Reads a record. The body is a slice of it.
pub(crate) fn read(record: &Record) -> Result<Recorded, Unreadable> {
    let bytes = record.as_bytes();
    let (header, content) = bytes.split_at_checked(HEADER).ok_or(Unreadable)?;
    if header[0] != VERSION || header[1..] != crc32fast::hash(content).to_le_bytes() {
        return Err(Unreadable);
    }
    match postcard::take_from_bytes(content) {
        Ok((Outcome::NotStored, [])) => Ok(Recorded::NotStored),
        Ok((Outcome::Response(stored), [])) => stored.replay(bytes).map(Recorded::Response),
        _ => Err(Unreadable),
    }
}

impl Stored<'_> {
    fn replay(&self, record: &Bytes) -> Result<Replay, Unreadable> {
        let header = |(name, Raw(value)): &(&str, Raw<'_>)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let value = HeaderValue::from_maybe_shared(record.slice_ref(value)).ok()?;
            Some((name, value))
        };
        Ok(Replay {
            status: StatusCode::from_u16(self.status).map_err(|_| Unreadable)?,
            headers: self.headers.iter().map(header).collect::<Option<_>>().ok_or(Unreadable)?,
            body: self.body.as_ref().map(|body| record.slice_ref(body.0)),
        })
    }
}

/// Says that a response is the recorded one.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Replay {
    /// The recorded response again, marked as a replay.
    pub(crate) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        match self.body {
            Some(body) => response.set_body(body).map_into_boxed_body(),
            None => response,
        }
    }
}

/// What belongs to one connection, one moment or one caller is not part of the record.
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

/// The headers that `Connection` declares to be hop-by-hop (RFC 9110, section 7.6.1).
fn connection_headers(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let lines = headers.get_all(CONNECTION).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase().into()).collect()
}
