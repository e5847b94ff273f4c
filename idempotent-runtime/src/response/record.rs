//! Records of responses, and responses of records.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;

use super::{
    content::content,
    stored_headers::{REPLAYED, stored},
};
use crate::{
    record::{Content, Raw, Stored, Unreadable, content as content_of, write},
    store::Record,
};

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

/// Record of this response, without the parts that its status does not allow to be sent.
pub(crate) fn of_response(
    status: StatusCode,
    headers: &HeaderMap,
    set_cookie: bool,
    body: Option<&Bytes>,
) -> Record {
    let kept = stored(headers, set_cookie).map(|(name, value)| (name.as_str(), Raw(value.as_bytes())));
    write(&Content::Response(Stored {
        status: status.as_u16(),
        headers: kept.collect(),
        body: body.map(|bytes| Raw(content(status, bytes))),
    }))
}

/// Reads the record of a request. The body is a slice of it.
pub(crate) fn read(record: &Record) -> Result<Recorded, Unreadable> {
    match content_of(record)? {
        Content::NotStored => Ok(Recorded::NotStored),
        Content::Unknown => Ok(Recorded::Unknown),
        Content::Response(stored) => replay_of(&stored, record.as_bytes()).map(Recorded::Response),
        Content::Value(_) => Err(Unreadable),
    }
}

/// True where the content of the record is known, so that nobody may ever replace the record.
pub(crate) fn is_final(record: &Record) -> bool {
    match content_of(record) {
        Ok(Content::Response(stored)) => replay_of(&stored, record.as_bytes()).is_ok(),
        Ok(Content::NotStored | Content::Value(_)) => true,
        Ok(Content::Unknown) | Err(_) => false,
    }
}

/// Status of the recorded response, if the record holds one.
pub(crate) fn status(record: &Record) -> Option<StatusCode> {
    match content_of(record) {
        Ok(Content::Response(stored)) => StatusCode::from_u16(stored.status).ok(),
        _ => None,
    }
}

/// The response that is stored in `record`.
fn replay_of(stored: &Stored<'_>, record: &Bytes) -> Result<Replay, Unreadable> {
    let status = StatusCode::from_u16(stored.status).map_err(|_| Unreadable)?;
    let mut response = HttpResponse::new(status);
    let headers = response.headers_mut();
    for (name, Raw(value)) in &stored.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unreadable)?;
        let value = HeaderValue::from_maybe_shared(record.slice_ref(value)).map_err(|_| Unreadable)?;
        headers.append(name, value);
    }
    Ok(Replay(match &stored.body {
        Some(Raw(body)) => response.set_body(record.slice_ref(content(status, body))).map_into_boxed_body(),
        None => response,
    }))
}

impl Replay {
    /// The recorded response again, marked as a replay.
    pub(crate) fn into_response(self) -> HttpResponse {
        let Replay(mut response) = self;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}
