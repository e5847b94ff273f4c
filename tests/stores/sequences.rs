//! Random sequences of calls find each mistake of a store, and show it in a few calls.

use std::{future::ready, time::Duration};

use idempotent_runtime::{
    ManualClock,
    conformance::{Report, Subject, check},
};

use crate::{mistake::Mistake, wrong_store::WrongStore};

/// The fact that random sequences check.
pub(crate) const FACT: &str = "every_call_of_a_random_sequence_is_answered_as_by_the_reference";

const SEED: u64 = 1;

async fn checked(mistake: Mistake, seed: u64) -> Report {
    let clock = ManualClock::new();
    let store = WrongStore::new(mistake, clock.clone());
    let subject = Subject::new(move || ready(store.clone())).clock(clock).resolves().inspects();
    check(subject.keys(4).timeout(Duration::from_secs(2)).calls(20_000).seed(seed)).await
}

/// Description of a sequence that a store with this mistake answers wrongly.
async fn found(mistake: Mistake, seed: u64) -> Option<String> {
    let report = checked(mistake, seed).await;
    let failure = report.failures().iter().find(|failure| failure.fact == FACT)?;
    println!("{mistake:?}: {}", failure.reason);
    Some(failure.reason.clone())
}

/// Number of steps of a sequence that was made smaller.
fn steps(description: &str) -> usize {
    description
        .lines()
        .filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()))
        .count()
}

/// Four of these are drifts that stores once had: a claim repeated that keeps the retention of
/// before, a hold that outlives its retention, a completion repeated that is fenced once its record
/// has expired, and one that is stored once the entry is forgotten and not deleted yet.
const MISTAKES: [Mistake; 24] = [
    Mistake::KeepsFirstRetention,
    Mistake::HoldsForGood,
    Mistake::FencesItsOwner,
    Mistake::StoredForGood,
    Mistake::UnfencedComplete,
    Mistake::IgnoresFingerprint,
    Mistake::UnrepeatableClaim,
    Mistake::RecallsForGood,
    Mistake::ResolvesForTheOwner,
    Mistake::ResolvesAnyRecord,
    Mistake::ForgetsWhatRuns,
    Mistake::ForgetsAnyEntry,
    Mistake::ForgetsLateRecords,
    Mistake::ForgetsNoSteps,
    Mistake::ListsWhatWasSeen,
    Mistake::LooksLikeAClaim,
    Mistake::TakesOverItsRetention,
    Mistake::RenewsTheLeaseAlone,
    Mistake::RemembersNothingReplaced,
    Mistake::CountsForgottenAttempts,
    Mistake::RenewsNothingLate,
    Mistake::ReplaysAtTheEnd,
    Mistake::LosesTheEndpoint,
    Mistake::KeepsTheFirstEndpoint,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_found_by_random_sequences_and_shown_in_a_few_calls() {
    for mistake in MISTAKES {
        let description = found(mistake, SEED).await;
        let description = description.unwrap_or_else(|| panic!("{mistake:?} was not found"));
        assert!((1..=8).contains(&steps(&description)), "{mistake:?}: {description}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_that_only_a_lone_call_meets_is_found_in_the_first_round() {
    let description = found(Mistake::HoldsForGoodAlone, SEED).await.expect("it is found");
    assert!(description.starts_with(&format!("seed {SEED}, ")), "{description}");
    assert!((1..=8).contains(&steps(&description)), "{description}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_a_mistake_answers_random_sequences_as_the_reference_does() {
    let report = checked(Mistake::None, SEED).await;
    report.assert();
    assert!(report.calls() >= 20_000, "{}", report.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_finds_the_same_again() {
    let first = found(Mistake::HoldsForGood, 7).await.unwrap();
    assert_eq!(found(Mistake::HoldsForGood, 7).await.unwrap(), first);
    assert!(first.starts_with("seed 7, "), "{first}");
}
