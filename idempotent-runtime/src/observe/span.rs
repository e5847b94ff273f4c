//! Tracing span of one request. It says the same as the request's event, for readers of traces.

use std::time::Duration;

use tracing::{
    Span, debug, debug_span,
    field::{Empty, display},
    level_filters::LevelFilter,
};

use super::{Event, KeyHash, Outcome, Subject};
use crate::{policy_ref::PolicyRef, request::Address};

/// True where somebody may look at the level `debug`.
pub(super) fn may_be_looked_at() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// Span of a request, inside the caller's. It is empty where nobody looks at the level `debug`.
pub(super) fn open<'a>(policy: &PolicyRef, subject: impl Fn() -> &'a Subject) -> Span {
    // Without a subscriber the macro computes its fields, for the log crate.
    if !may_be_looked_at() {
        return Span::none();
    }
    let span = debug_span!(
        target: "idempotent_runtime::request",
        "idempotent_request",
        handler = policy.name(),
        method = subject().method.as_ref().map(|method| method.as_str()),
        route = subject().route.as_deref(),
        key = Empty,
        attempt = Empty,
        outcome = Empty,
        code = Empty,
        took_seconds = Empty,
        wait_seconds = Empty,
        claim_seconds = Empty,
        complete_seconds = Empty,
    );
    if span.is_disabled() { Span::none() } else { span }
}

/// Says one thing of a request in its span, if somebody looks at it. Five such lines are a
/// request's whole life: where its entry is, that it waits or has won its claim, what has come of
/// it, that the store was given the record, and that the request has ended.
macro_rules! say {
    ($span:expr, $($said:tt)+) => {
        if !$span.is_none() {
            debug!(target: "idempotent_runtime::request", parent: $span, $($said)+);
        }
    };
}

/// Adds the hash that tells the request's key from others, as soon as it is known: log lines in the
/// span show it.
pub(super) fn is_at(span: &Span, address: Address) {
    span.record("key", display(KeyHash::from(address)));
    say!(span, %address, "a request has come, and its entry is at this address");
}

/// Says that the request waits for another execution.
pub(super) fn waits(span: &Span) {
    say!(span, "it waits for another execution");
}

/// Adds the number of the attempt.
pub(super) fn begins(span: &Span, attempt: u32) {
    span.record("attempt", attempt);
    say!(span, "it has won its claim");
}

/// Says how the work of the request has ended.
pub(super) fn worked(span: &Span, outcome: Outcome) {
    say!(span, outcome = outcome.as_str(), "this has come of it");
}

/// Says that the store was told of the record.
pub(super) fn completed(span: &Span, took: Duration) {
    say!(span, complete_seconds = took.as_secs_f64(), "the store was given its record");
}

/// Logs the outcome of the request in its span, before the span itself says so too. A reader who
/// does not look at the end of spans sees it here.
pub(super) fn log(span: &Span, event: &Event<'_>) {
    let seconds = |duration: Duration| (!duration.is_zero()).then_some(duration.as_secs_f64());
    say!(
        span,
        outcome = event.outcome.as_str(),
        code = event.code.map(|code| code.as_str()),
        took_seconds = event.took.as_secs_f64(),
        wait_seconds = seconds(event.waited),
        claim_seconds = seconds(event.claim),
        complete_seconds = seconds(event.completion),
        "a request has ended"
    );
}

/// Adds the outcome of the request. Fields that do not apply stay empty.
pub(super) fn ends(span: &Span, event: &Event<'_>) {
    span.record("outcome", event.outcome.as_str());
    span.record("code", event.code.map(|code| code.as_str()));
    span.record("took_seconds", event.took.as_secs_f64());
    let durations = [
        ("wait_seconds", event.waited),
        ("claim_seconds", event.claim),
        ("complete_seconds", event.completion),
    ];
    for (field, duration) in durations.into_iter().filter(|(_, duration)| !duration.is_zero()) {
        span.record(field, duration.as_secs_f64());
    }
}
