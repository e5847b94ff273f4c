//! The facts: each a function named by a sentence, on addresses of its own.

use futures_util::future::BoxFuture;

use super::{
    Subject,
    harness::{Harness, Verdict},
};
use crate::store::Store;

/// Lists facts by the names of their functions.
macro_rules! facts {
    ($($fact:ident),+ $(,)?) => {
        vec![$(Fact {
            name: stringify!($fact),
            run: |harness| Box::pin($fact(harness)),
        }),+]
    };
}

mod claims;
mod damaged;
mod fences;
mod inspects;
mod leases;
mod races;
mod recalls;
mod replays;
mod resolves;
mod waits;

pub(super) struct Fact<S> {
    pub(super) name: &'static str,
    pub(super) run: fn(Harness<S>) -> BoxFuture<'static, Verdict>,
}

/// Facts about `subject` that one caller after the other can check.
pub(super) fn alone<S: Store>(subject: &Subject<S>) -> Vec<Fact<S>> {
    let mut facts: Vec<Fact<S>> = [
        claims::facts(),
        replays::facts(),
        leases::facts(),
        fences::facts(),
        waits::facts(),
        recalls::facts(),
    ]
    .into_iter()
    .flatten()
    .collect();
    if subject.can_resolve() {
        facts.extend(resolves::facts());
    }
    if subject.can_damage() {
        facts.extend(damaged::facts());
    }
    if subject.can_be_inspected() {
        facts.extend(inspects::facts());
    }
    facts
}

/// Facts about `subject` that need simultaneous callers.
pub(super) fn racing<S: Store>(subject: &Subject<S>) -> Vec<Fact<S>> {
    let mut facts = races::facts();
    if subject.can_resolve() {
        facts.extend(races::resolving());
    }
    if subject.can_be_inspected() {
        facts.extend(races::forgetting());
    }
    facts
}
