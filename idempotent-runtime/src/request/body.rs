//! Reads the whole body before anything is claimed, within a limit of bytes and of time.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    time::Duration,
};

use actix_web::{
    dev::Payload,
    error::PayloadError,
    http::header::{CONTENT_LENGTH, HeaderMap},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::time::timeout;

use crate::poll_once::{next_poll, poll_once};

/// Why a body did not arrive whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than the limit, or says so.
    TooLarge,
    /// It did not arrive in time.
    Timeout,
    /// The connection or its encoding failed.
    Failed(PayloadError),
}

/// Reads all of `payload`, which `headers` announce.
pub(crate) async fn read(
    payload: &mut Payload,
    headers: &HeaderMap,
    limit: usize,
    time: Duration,
) -> Result<Bytes, BodyError> {
    if announced(headers).is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let mut whole = pin!(collect(payload, limit));
    // What has arrived already needs no timer. actix decodes what came with the head once the handler has been polled.
    for _ in 0..2 {
        if let Some(read) = poll_once(whole.as_mut()).await {
            return read;
        }
        next_poll().await;
    }
    Box::pin(timeout(time, whole)).await.unwrap_or(Err(BodyError::Timeout))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body of one chunk is handed on as it came; only several are copied together.
async fn collect(payload: &mut Payload, limit: usize) -> Result<Bytes, BodyError> {
    let Some(first) = chunk(payload, limit).await? else { return Ok(Bytes::new()) };
    let Some(second) = chunk(payload, limit - first.len()).await? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(next) = chunk(payload, limit - whole.len()).await? {
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

async fn chunk(payload: &mut Payload, room: usize) -> Result<Option<Bytes>, BodyError> {
    match poll_fn(|context| Pin::new(&mut *payload).poll_next(context)).await.transpose() {
        Ok(Some(chunk)) if chunk.len() > room => Err(BodyError::TooLarge),
        Ok(chunk) => Ok(chunk),
        Err(error) => Err(BodyError::Failed(error)),
    }
}

/// A payload that brings `body` once more, for the extractors.
pub(crate) fn again(body: Bytes) -> Payload {
    match body.is_empty() {
        true => Payload::None,
        false => Payload::Stream { payload: Box::pin(stream::iter([Ok(body)])) },
    }
}
