//! Check of an endpoint: the requests that are sent, one after the other, and the faults that their
//! replies and effects show.

use std::{collections::BTreeMap, io};

use actix_web::http::header::{HeaderName, SET_COOKIE};

use super::{
    fault::{Fault, Faults, where_they_differ},
    http::Reply,
    request::{Request, new_key},
};
use crate::response::stored_headers::is_replayed;

/// The parts of a response by their names.
type Parts = BTreeMap<String, Vec<u8>>;

impl Request<'_> {
    /// Sends it again and again, and finds nothing wrong: see [the module](super).
    ///
    /// `effects` says how many effects there have been so far, however you count them: the length
    /// of a list, `SELECT count(*)`. What it is before does not matter. It is asked right after the
    /// answers: where an effect comes later (a task, a queue), let it wait for that.
    ///
    /// # Panics
    /// With a list of what is wrong.
    pub async fn assert_once(&self, effects: impl AsyncFn() -> usize) {
        let faults = self.faults(effects).await;
        assert!(faults.is_empty(), "{faults}");
    }

    /// Everything that [`assert_once`](Self::assert_once) finds wrong, in the order in which it is
    /// found.
    pub async fn faults(&self, effects: impl AsyncFn() -> usize) -> Faults {
        let found = check(self, effects).await;
        Faults { of: self.to_string(), found: found.unwrap_or_else(|no| vec![Fault::NoAnswer(no)]) }
    }
}

/// Sends `request` in all the ways in which it may come, and gives what is wrong.
async fn check(request: &Request<'_>, effects: impl AsyncFn() -> usize) -> io::Result<Vec<Fault>> {
    let check = Check { request, effects };
    let without_key = check.without_key().await?;
    let key = new_key();
    let (replies, ran) = check.counted(request.send_at_once(&key)).await?;
    let (first, others) = first_and_others(replies);
    match (without_key, ran) {
        (_, 0) => Ok(vec![Fault::NoEffect(first)]),
        (Some(Fault::KeyNotRequired { reply, .. }), _) if ran == request.concurrency => {
            Ok(vec![Fault::Unprotected { without_key: reply, effects: ran }])
        }
        (without_key, _) => {
            let mut faults: Vec<_> = without_key.into_iter().collect();
            faults.extend(check.of_simultaneous(&first, &others, ran));
            faults.extend(check.once_more(&key, &first).await?);
            faults.extend(check.with_another_key().await?);
            Ok(faults)
        }
    }
}

/// The response that the others have to replay, and those of them that have waited for it.
fn first_and_others(mut replies: Vec<Reply>) -> (Reply, Vec<Reply>) {
    let first = replies.iter().position(|reply| !reply.is_replay() && !is_in_progress(reply));
    let first = replies.swap_remove(first.unwrap_or(0));
    replies.retain(|reply| !is_in_progress(reply));
    (first, replies)
}

/// A duplicate that did not want to wait, or not so long.
fn is_in_progress(reply: &Reply) -> bool {
    reply.status == 409 && reply.header("retry-after").is_some()
}

struct Check<'a, C> {
    request: &'a Request<'a>,
    effects: C,
}

impl<C: AsyncFn() -> usize> Check<'_, C> {
    /// Result of sending, and the number of effects that it had.
    async fn counted<T>(&self, sent: impl Future<Output = io::Result<T>>) -> io::Result<(T, usize)> {
        let before = (self.effects)().await;
        let replies = sent.await?;
        Ok((replies, (self.effects)().await.saturating_sub(before)))
    }

    async fn without_key(&self) -> io::Result<Option<Fault>> {
        if !self.request.needs_key {
            return Ok(None);
        }
        let (reply, effects) = self.counted(self.request.send(None)).await?;
        let is_refused = reply.status == 400 && effects == 0;
        Ok((!is_refused).then_some(Fault::KeyNotRequired { reply, effects }))
    }

    fn of_simultaneous(&self, first: &Reply, others: &[Reply], effects: usize) -> Option<Fault> {
        match effects {
            1 => others.iter().find_map(|reply| self.replays(first, reply)),
            _ => Some(Fault::RanTwice { requests: self.request.concurrency, effects }),
        }
    }

    /// The key once more: with the same request, and with another body.
    async fn once_more(&self, key: &str, first: &Reply) -> io::Result<Vec<Fault>> {
        let (again, ran) = self.counted(self.request.send(Some(key))).await?;
        if ran > 0 {
            return Ok(vec![Fault::Forgotten(first.clone())]);
        }
        let not_replayed = self.replays(first, &again);
        Ok(not_replayed.into_iter().chain(self.with_another_body(key).await?).collect())
    }

    async fn with_another_body(&self, key: &str) -> io::Result<Option<Fault>> {
        let another = self.request.another();
        let (reply, effects) = self.counted(another.send(Some(key))).await?;
        let is_refused = self.request.reused.contains(&reply.status) && !reply.is_replay() && effects == 0;
        Ok((!is_refused).then_some(Fault::OtherBodyAccepted { reply, effects }))
    }

    async fn with_another_key(&self) -> io::Result<Option<Fault>> {
        let key = new_key();
        let (reply, effects) = self.counted(self.request.send(Some(&key))).await?;
        let is_another = effects == 1 && !reply.is_replay();
        Ok((!is_another).then_some(Fault::KeysMixed { reply, effects }))
    }

    /// Fault that keeps `again` from being a replay of `first`.
    fn replays(&self, first: &Reply, again: &Reply) -> Option<Fault> {
        if !again.is_replay() {
            return Some(Fault::NotReplayed(again.clone()));
        }
        let (was, is) = (self.parts(first), self.parts(again));
        let what = was.keys().chain(is.keys()).find(|name| was.get(*name) != is.get(*name))?.clone();
        let value = |parts: &Parts| parts.get(&what).map(|value| String::from_utf8_lossy(value).into_owned());
        let (first, again) =
            where_they_differ(&value(&was).unwrap_or_default(), &value(&is).unwrap_or_default());
        Some(Fault::Differs { what, first, again })
    }

    /// Parts that have to be the same in a replay. A header's values keep their order.
    fn parts(&self, reply: &Reply) -> Parts {
        let status = ("status".to_owned(), reply.status.as_str().into());
        let mut parts = Parts::from([status, ("body".to_owned(), reply.body.clone())]);
        for (name, value) in reply.headers.iter().filter(|(name, _)| self.is_replayed(name)) {
            let values = parts.entry(format!("header `{name}`")).or_default();
            values.extend_from_slice(value.as_bytes());
            values.push(b' ');
        }
        parts
    }

    fn is_replayed(&self, name: &str) -> bool {
        let is_ignored = self.request.ignored.iter().any(|ignored| ignored == name);
        let name = HeaderName::from_bytes(name.as_bytes());
        !is_ignored && name.is_ok_and(|name| name != SET_COOKIE && is_replayed(&name))
    }
}
