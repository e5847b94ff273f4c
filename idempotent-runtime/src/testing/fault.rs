//! Faults of an endpoint.

use std::{fmt, io, slice};

use super::http::Reply;

/// A fault of an endpoint's idempotency. As text it says what was seen, and where to look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Neither the lack of a key nor the same key had any consequence.
    #[error(
        "nothing protects it: without a key it is answered {}, and {effects} requests with one key had {effects} effects. Is \
         `#[idempotent]` on this handler?",
        short(.without_key)
    )]
    Unprotected {
        /// The answer to the request without a key.
        without_key: Reply,
        /// Number of effects that one key had.
        effects: usize,
    },
    /// A request without a key was not refused.
    #[error(
        "a request without a key has to be refused with 400 and without an effect, and is answered {} with {effects}. Is there a \
         `required = false`? If that is meant, say `.key_is_optional()`", short(.reply)
    )]
    KeyNotRequired {
        /// The answer to it.
        reply: Reply,
        /// Number of effects that it had.
        effects: usize,
    },
    /// The request had no effect at all, so that nothing can be said of a second one.
    #[error(
        "it has no effect, and is answered {}. Does this request succeed? If its effect comes after its answer, let the count wait for it",
        short(.0)
    )]
    NoEffect(Reply),
    /// Simultaneous requests with one key ran more than once.
    #[error(
        "it runs more than once: {requests} simultaneous requests with one key had {effects} effects. Do all workers share one \
         `Idempotency` and its store, made outside of the closure that makes the `App`? Is a key looked up first and written down later?"
    )]
    RanTwice {
        /// Number of requests that were sent.
        requests: usize,
        /// Number of effects that they had.
        effects: usize,
    },
    /// The same request had another effect, when the first had been answered so.
    #[error(
        "it forgets: the same request, sent again with its key after the first had been answered {}, ran again. Is that answer one \
         that `replay` does not store, or that is never stored (401, 407, 408, 421, 425, 429)? Does every worker ask the same store?", short(.0)
    )]
    Forgotten(Reply),
    /// The same request had no other effect, but its answer is no replay.
    #[error("the same request is not answered with a replay, but with {}", short(.0))]
    NotReplayed(Reply),
    /// A replay is not what the first response was.
    #[error(
        "a replay has another {what} than the first response: {again:?} instead of {first:?}. Is it made by middleware, outside of the \
         handler? A header that is meant to differ: `.ignore_header(…)`"
    )]
    Differs {
        /// The part that differs: the status, the body, or a header by its name.
        what: String,
        /// Its value in the first response, from shortly before the first difference on.
        first: String,
        /// Its value in the replay, from the same place on.
        again: String,
    },
    /// Another body with the same key was not refused.
    #[error(
        "another body with the same key has to be refused with 409 or 422 and without an effect, and is answered {} with {effects}. Does \
         the `fingerprint` look at what differs? If it is not meant to, set a body that it tells from the first: `.other_body(…)`. Is it \
         refused in a format of your own? `.reused_status(…)`", short(.reply)
    )]
    OtherBodyAccepted {
        /// The answer to it.
        reply: Reply,
        /// Number of effects that it had.
        effects: usize,
    },
    /// A request with another key was taken for the first one.
    #[error("keys are not told apart: the same request with a new key is answered {} and has {effects} effects, not one", short(.reply))]
    KeysMixed {
        /// The answer to it.
        reply: Reply,
        /// Number of effects that it had.
        effects: usize,
    },
    /// The server did not answer.
    #[error("it does not answer: {0}")]
    NoAnswer(#[source] io::Error),
}

/// A reply in a line.
fn short(reply: &Reply) -> String {
    let mark = if reply.is_replay() { " (a replay)" } else { "" };
    format!("{}{mark} `{}`", reply.status.as_u16(), cut(&reply.text(), 0))
}

/// Part of a text that fits in a line, from a character on.
fn cut(text: &str, from: usize) -> String {
    const LONGEST: usize = 120;
    let (before, after) = (from > 0, text.chars().count() > from + LONGEST);
    let dots = |are_needed| if are_needed { "…" } else { "" };
    let middle: String = text.chars().skip(from).take(LONGEST).collect();
    format!("{}{middle}{}", dots(before), dots(after))
}

/// Two texts, each from shortly before the first difference on.
pub(super) fn where_they_differ(first: &str, again: &str) -> (String, String) {
    let same = first.chars().zip(again.chars()).take_while(|(first, again)| first == again).count();
    let from = same.saturating_sub(40);
    (cut(first, from), cut(again, from))
}

/// Everything that is wrong with an endpoint.
#[derive(Debug)]
pub struct Faults {
    pub(super) of: String,
    pub(super) found: Vec<Fault>,
}

impl Faults {
    /// True where nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> slice::Iter<'_, Fault> {
        self.found.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not idempotent:", self.of)?;
        self.found.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
    }
}
