//! The facts: each a function named by a sentence, on addresses of its own.

pub(super) use self::fact::Fact;

use super::Subject;
use crate::store::Store;

#[macro_use]
mod fact;

mod claims;
mod damaged;
mod endpoints;
mod fences;
mod inspects;
mod leases;
mod races;
mod recalls;
mod replays;
mod resolves;
mod waits;

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
        facts.extend(endpoints::facts());
        if subject.can_resolve() {
            facts.extend(endpoints::resolving());
        }
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
