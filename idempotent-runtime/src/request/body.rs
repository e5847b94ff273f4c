//! Reads the whole body before anything is claimed. Its bytes are limited, and so are the time of
//! silence and the slowness.

use std::{
    cell::Cell,
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
use tokio::time::{Instant, timeout_at};

use crate::poll_once::{next_poll, poll_once};

/// Reason that a body did not arrive whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body is longer than the limit, or its head says so.
    TooLarge,
    /// Nothing of the body arrived for the time limit, or too little.
    Timeout,
    /// The body did not come with its head, and there is no place to wait for it.
    Crowded,
    /// The connection or its encoding failed.
    Failed(PayloadError),
}

/// Slowest rate over a time limit, in bytes per second. A body that is slower is refused as
/// dripping.
const SLOWEST: u128 = 512;

/// Reads all of `payload`, which `headers` announce. `time` is the longest silence, and the time
/// over which the rate counts.
///
/// Bytes that are not here yet are waited for in a `place`, and are not read where there is none.
pub(crate) async fn read<P>(
    payload: &mut Payload,
    headers: &HeaderMap,
    limit: usize,
    time: Duration,
    place: impl FnOnce() -> Option<P>,
) -> Result<Bytes, BodyError> {
    if announced(headers).is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let arrived = Cell::new(0);
    let mut whole = pin!(collect(payload, limit, &arrived));
    // Bytes that have arrived already need no timer and no place. actix decodes those that came
    // with the head once the handler has been polled.
    for _ in 0..2 {
        if let Some(read) = poll_once(whole.as_mut()).await {
            return read;
        }
        next_poll().await;
    }
    let _place = place().ok_or(BodyError::Crowded)?;
    Box::pin(in_time(whole, Watch::begin(&arrived, time))).await
}

/// Waits for the end of `whole`, unless it becomes too slow.
async fn in_time(
    mut whole: Pin<&mut impl Future<Output = Result<Bytes, BodyError>>>,
    mut watch: Watch<'_>,
) -> Result<Bytes, BodyError> {
    loop {
        // A time too long to be counted is no limit.
        let Some(deadline) = watch.deadline() else { return whole.await };
        let read = poll_fn(|context| {
            let polled = whole.as_mut().poll(context);
            watch.look();
            polled
        });
        match timeout_at(deadline, read).await {
            Ok(read) => return read,
            Err(_) if watch.is_too_slow() => return Err(BodyError::Timeout),
            Err(_) => {}
        }
    }
}

/// Limits on the time of a body: the longest silence, and the slowest rate. A timer is set per
/// stretch of time and not per chunk: when the timer fires, the bytes that have arrived decide.
struct Watch<'a> {
    time: Duration,
    arrived: &'a Cell<usize>,
    /// Last arrival that was seen.
    last: Mark,
    /// Begin of the stretch over which the rate is measured.
    begin: Mark,
}

/// Number of bytes that had arrived at a moment.
#[derive(Clone, Copy)]
struct Mark {
    bytes: usize,
    at: Instant,
}

impl<'a> Watch<'a> {
    fn begin(arrived: &'a Cell<usize>, time: Duration) -> Self {
        let begin = Mark { bytes: arrived.get(), at: Instant::now() };
        Watch { time, arrived, last: begin, begin }
    }

    /// Notes the bytes that have arrived since the last look.
    fn look(&mut self) {
        if self.arrived.get() > self.last.bytes {
            self.last = Mark { bytes: self.arrived.get(), at: Instant::now() };
        }
    }

    fn brought(&self) -> usize {
        self.last.bytes - self.begin.bytes
    }

    /// Moment at which the stretch is over, or the silence too long.
    fn deadline(&self) -> Option<Instant> {
        let since = if self.brought() > 0 { self.begin.at } else { self.last.at };
        since.checked_add(self.time)
    }

    /// True where too little has arrived. If not, another stretch begins when this one is over.
    fn is_too_slow(&mut self) -> bool {
        let now = Instant::now();
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        let brought = self.brought();
        self.begin = Mark { bytes: self.last.bytes, at: now };
        brought == 0 || (brought as u128) < SLOWEST * self.time.as_millis() / 1000
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Collects the chunks. A body of one chunk is handed on as it came; only several are copied
/// together.
async fn collect(payload: &mut Payload, limit: usize, arrived: &Cell<usize>) -> Result<Bytes, BodyError> {
    let Some(first) = chunk(payload, limit, arrived).await? else { return Ok(Bytes::new()) };
    let Some(second) = chunk(payload, limit, arrived).await? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(next) = chunk(payload, limit, arrived).await? {
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

async fn chunk(
    payload: &mut Payload,
    limit: usize,
    arrived: &Cell<usize>,
) -> Result<Option<Bytes>, BodyError> {
    let next = poll_fn(|context| Pin::new(&mut *payload).poll_next(context)).await;
    let Some(chunk) = next.transpose().map_err(BodyError::Failed)? else { return Ok(None) };
    if chunk.len() > limit - arrived.get() {
        return Err(BodyError::TooLarge);
    }
    arrived.set(arrived.get() + chunk.len());
    Ok(Some(chunk))
}

/// A payload that brings `body` once more, for the extractors.
pub(crate) fn again(body: Bytes) -> Payload {
    match body.is_empty() {
        true => Payload::None,
        false => Payload::Stream { payload: Box::pin(stream::iter([Ok(body)])) },
    }
}
