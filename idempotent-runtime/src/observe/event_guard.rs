//! Guard of one request's event, kept while it runs and told when it has ended.

use std::{cell::OnceCell, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::Span;

use super::{Event, ListenerHandle, Outcome, Subject, span};
use crate::{
    policy_ref::PolicyRef,
    reason::{Reason, RefusalCode},
    request::Address,
};

/// Facts to be told of a request, if anybody listens, looks at its span or counts. They are told
/// when the guard is dropped, with the outcome that was written last.
#[derive(Default)]
pub(crate) struct EventGuard(Option<Box<Facts>>);

struct Facts {
    listener: Option<Arc<ListenerHandle>>,
    span: Span,
    policy: PolicyRef,
    subject: Subject,
    opened: Instant,
    outcome: Outcome,
    code: Option<RefusalCode>,
    address: Option<Address>,
    attempt: Option<u32>,
    waiting: Option<Instant>,
    waited: Duration,
    asking: Option<Instant>,
    claim: Duration,
    completion: Duration,
}

impl EventGuard {
    /// Begins with the request. Until more is known, a request that ends is one whose
    /// client has left.
    pub(crate) fn open(
        listener: Option<&Arc<ListenerHandle>>,
        policy: &PolicyRef,
        subject: impl Fn() -> Subject,
    ) -> Self {
        if listener.is_none() && !span::may_be_looked_at() && !is_counted() {
            return EventGuard(None);
        }
        // Known once somebody asks: this span may be off although another one is on.
        let known = OnceCell::new();
        let span = span::open(policy, || known.get_or_init(&subject));
        if listener.is_none() && span.is_none() && !is_counted() {
            return EventGuard(None);
        }
        let subject = known.into_inner().unwrap_or_else(subject);
        EventGuard(Some(Box::new(Facts::new(listener.cloned(), span, policy.clone(), subject))))
    }

    /// True where anybody looks at the request's span.
    pub(crate) fn has_span(&self) -> bool {
        self.0.as_ref().is_some_and(|facts| !facts.span.is_none())
    }

    /// Span of all that happens because of the request.
    pub(crate) fn span(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |facts| facts.span.clone())
    }

    /// Route of the request, where requests are counted.
    #[cfg(feature = "admin")]
    pub(crate) fn counted_route(&self) -> Option<Option<&str>> {
        let facts = self.0.as_ref().filter(|_| is_counted())?;
        Some(facts.subject.route.as_deref())
    }

    /// Takes the facts out, and leaves nothing to be told here.
    pub(crate) fn take(&mut self) -> EventGuard {
        std::mem::take(self)
    }

    pub(crate) fn is_at(&mut self, address: Address) {
        self.note(|facts| {
            facts.address = Some(address);
            span::is_at(&facts.span, address);
        });
    }

    pub(crate) fn ends(&mut self, outcome: Outcome) {
        self.note(|facts| {
            (facts.outcome, facts.code) = (outcome, None);
            if facts.attempt.is_some() {
                span::worked(&facts.span, outcome);
            }
        });
    }

    pub(crate) fn refused(&mut self, code: RefusalCode) {
        self.note(|facts| (facts.outcome, facts.code) = (code.into(), Some(code)));
    }

    /// Notes the answer that was there already, or that somebody else gave.
    pub(crate) fn answered<T>(&mut self, answer: &Result<T, Reason>) {
        match answer {
            Ok(_) => self.note(|facts| facts.outcome = facts.replayed()),
            Err(reason) => self.refused(reason.code),
        }
    }

    /// Notes that the request waits for another execution, from now on.
    pub(crate) fn waits(&mut self) {
        self.note(|facts| {
            if facts.waiting.is_none() {
                facts.waiting = Some(Instant::now());
                span::waits(&facts.span);
            }
        });
    }

    /// Notes that the request has won its claim. If nothing more is noted, nobody knows how it
    /// ended.
    pub(crate) fn begins(&mut self, attempt: u32) {
        self.note(|facts| {
            facts.waits_no_longer();
            (facts.outcome, facts.attempt) = (Outcome::Abandoned, Some(attempt));
            span::begins(&facts.span, attempt);
        });
    }

    /// Notes that a call to the store begins.
    pub(crate) fn asks(&mut self) {
        self.note(|facts| facts.asking = Some(Instant::now()));
    }

    /// Notes that the store has answered a claim, or failed to.
    pub(crate) fn claimed(&mut self) {
        self.note(|facts| {
            let asked_for = facts.asked_for();
            facts.claim += asked_for;
        });
    }

    /// Notes that the store has recorded the response, or failed to.
    pub(crate) fn completed(&mut self) {
        self.note(|facts| {
            let asked_for = facts.asked_for();
            facts.completion += asked_for;
            span::completed(&facts.span, asked_for);
        });
    }

    fn note(&mut self, note: impl FnOnce(&mut Facts)) {
        if let Some(facts) = &mut self.0 {
            note(facts);
        }
    }
}

impl Facts {
    fn new(listener: Option<Arc<ListenerHandle>>, span: Span, policy: PolicyRef, subject: Subject) -> Self {
        Facts {
            listener,
            span,
            policy,
            subject,
            opened: Instant::now(),
            outcome: Outcome::Left,
            code: None,
            address: None,
            attempt: None,
            waiting: None,
            waited: Duration::ZERO,
            asking: None,
            claim: Duration::ZERO,
            completion: Duration::ZERO,
        }
    }

    fn replayed(&self) -> Outcome {
        if self.waiting.is_some() { Outcome::Joined } else { Outcome::Replayed }
    }

    fn waits_no_longer(&mut self) {
        self.waited += self.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    fn asked_for(&mut self) -> Duration {
        self.asking.take().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Drop for Facts {
    fn drop(&mut self) {
        self.waits_no_longer();
        let event = Event {
            handler: self.policy.handler,
            operation: self.policy.operation(),
            method: self.subject.method.as_ref(),
            route: self.subject.route.as_deref(),
            outcome: self.outcome,
            code: self.code,
            attempt: self.attempt,
            key: self.address.map(Into::into),
            took: self.opened.elapsed(),
            waited: self.waited,
            claim: self.claim,
            completion: self.completion,
        };
        span::log(&self.span, &event);
        span::ends(&self.span, &event);
        #[cfg(feature = "admin")]
        super::counts::count(&event);
        if let Some(listener) = &self.listener {
            listener.tell(&event);
        }
    }
}

/// True where the process has an admin scope.
fn is_counted() -> bool {
    #[cfg(feature = "admin")]
    return super::counts::is_counting();
    #[cfg(not(feature = "admin"))]
    false
}
