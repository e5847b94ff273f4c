//! The suite finds each mistake, and only that.

use std::{future::ready, time::Duration};

use idempotent_runtime::{
    ManualClock,
    conformance::{Subject, check},
};

use crate::{mistake::Mistake, sequences::FACT, wrong_store::WrongStore};

async fn facts_failed_by(mistake: Mistake) -> Vec<&'static str> {
    let clock = ManualClock::new();
    let store = WrongStore::new(mistake, clock.clone());
    let subject = Subject::new(move || ready(store.clone())).clock(clock).calls(1);
    let report = check(subject.timeout(Duration::from_secs(2)).resolves().inspects()).await;
    println!("{report}");
    // What random sequences find is another file's.
    report.failures().iter().map(|failure| failure.fact).filter(|fact| *fact != FACT).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_without_a_mistake_passes() {
    assert_eq!(facts_failed_by(Mistake::None).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_checks_and_then_inserts_loses_races_and_nothing_else() {
    let failed = facts_failed_by(Mistake::CheckThenInsert).await;
    let lost = [
        "one_of_many_claims_wins_a_vacant_address",
        "one_of_many_requests_owns_a_vacant_address",
        "one_of_many_claims_takes_over_an_expired_lease",
    ];
    assert_eq!(failed[..3], lost);
    let may_be_lost = [
        "one_completion_is_replayed_to_all",
        "a_late_completion_wins_or_loses_for_all",
        "one_of_many_claims_wins_a_released_address",
        "one_of_many_forgettings_frees_a_key_for_one_of_many_claims",
    ];
    assert!(failed[3..].iter().all(|fact| may_be_lost.contains(fact)), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_completes_without_a_fence_is_overwritten() {
    let failed = [
        "a_completion_repeated_after_its_record_has_expired_is_stored",
        "a_completion_repeated_after_it_is_forgotten_is_fenced",
        "an_abandoned_claim_is_lost_to_its_owner",
        "an_expired_claim_is_forgotten_after_its_retention",
        "a_hold_is_fenced_after_its_retention",
        "a_completion_with_another_token_is_fenced",
        "a_completion_of_a_vacant_address_is_fenced",
        "a_completion_repeated_is_stored_and_changes_nothing",
        "a_completion_after_another_is_told_the_winner",
        "an_owner_taken_over_changes_nothing",
        "an_owner_taken_over_is_told_the_winner",
        "an_owner_is_not_told_of_another_request",
        "waiting_ends_when_a_takeover_completes",
        "an_owner_whose_claim_was_resolved_is_fenced",
        "what_is_completed_is_forgotten",
        "an_owner_whose_claim_was_forgotten_is_fenced",
        "one_of_many_claims_takes_over_an_expired_lease",
        "a_late_completion_wins_or_loses_for_all",
        "a_late_completion_or_a_resolution_wins_for_all",
        "one_of_many_forgettings_frees_a_key_for_one_of_many_claims",
    ];
    assert_eq!(facts_failed_by(Mistake::UnfencedComplete).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_with_a_small_cache_forgets() {
    let failed = ["no_record_is_forgotten_for_newer_ones"];
    assert_eq!(facts_failed_by(Mistake::Forgetful(8)).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_ignores_fingerprints_answers_other_requests() {
    let failed = [
        "another_fingerprint_is_reused_while_claimed",
        "another_fingerprint_is_reused_with_the_same_token",
        "another_fingerprint_is_reused_after_the_lease",
        "another_fingerprint_is_reused_once_abandoned",
        "another_fingerprint_is_reused_once_completed",
        "another_fingerprint_is_reused_once_expired",
        "an_abandoned_claim_is_resolved_with_a_record",
        "what_is_completed_is_not_resolved_unless_that_record_is_meant",
        "one_of_many_requests_owns_a_vacant_address",
    ];
    assert_eq!(facts_failed_by(Mistake::IgnoresFingerprint).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_does_not_know_its_own_token_cannot_repeat_a_claim() {
    let failed = [
        "a_claim_repeated_with_its_token_is_won_again",
        "a_claim_repeated_after_its_lease_is_won_again",
        "a_claim_repeated_counts_its_lease_anew",
        "a_claim_repeated_counts_its_retention_anew",
        "handles_to_the_same_data_see_the_same",
    ];
    assert_eq!(facts_failed_by(Mistake::UnrepeatableClaim).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_answers_as_another_one_would_not_is_found_out() {
    for (mistake, fact) in [
        (Mistake::KeepsFirstRetention, "a_claim_repeated_counts_its_retention_anew"),
        (Mistake::HoldsForGood, "a_hold_is_fenced_after_its_retention"),
        (Mistake::FencesItsOwner, "a_completion_repeated_after_its_record_has_expired_is_stored"),
        (Mistake::StoredForGood, "a_completion_repeated_after_it_is_forgotten_is_fenced"),
    ] {
        assert_eq!(facts_failed_by(mistake).await, [fact]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_is_silent_about_releases_leaves_waiters_asleep() {
    let failed = ["waiting_ends_when_the_claim_is_released", "waiting_that_is_dropped_holds_nothing"];
    assert_eq!(facts_failed_by(Mistake::SilentRelease).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_recalls_what_it_has_not_checked_replays_too_much() {
    let failed = ["nothing_is_recalled_for_another_request", "nothing_is_recalled_after_it_has_expired"];
    assert_eq!(facts_failed_by(Mistake::RecallsForGood).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_gives_one_token_twice_is_found_out() {
    assert_eq!(facts_failed_by(Mistake::OneToken).await, ["no_two_claims_get_the_same_token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_records_by_hand_for_the_owner_tells_it_that_its_response_is_stored() {
    let failed = [
        "an_owner_whose_claim_was_resolved_is_fenced",
        "a_resolution_repeated_is_done_and_changes_nothing",
        "a_late_completion_or_a_resolution_wins_for_all",
    ];
    assert_eq!(facts_failed_by(Mistake::ResolvesForTheOwner).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_ends_any_record_by_hand_loses_responses() {
    let failed = [
        "what_is_completed_is_not_resolved_unless_that_record_is_meant",
        "an_empty_record_is_resolved_like_any_other",
        "one_of_many_resolutions_ends_an_expired_claim",
        "a_late_completion_or_a_resolution_wins_for_all",
    ];
    assert_eq!(facts_failed_by(Mistake::ResolvesAnyRecord).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_forgets_what_runs_lets_it_run_twice() {
    assert_eq!(facts_failed_by(Mistake::ForgetsWhatRuns).await, ["what_runs_is_not_forgotten"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_forgets_whatever_is_there_forgets_what_nobody_has_seen() {
    let failed = [
        "no_other_entry_is_forgotten_than_the_one_that_is_meant",
        "what_lies_beneath_is_forgotten_unless_it_runs",
    ];
    assert_eq!(facts_failed_by(Mistake::ForgetsAnyEntry).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_forgets_what_was_completed_since_loses_responses() {
    let failed = facts_failed_by(Mistake::ForgetsLateRecords).await;
    let lost = [
        "what_was_completed_after_it_was_seen_is_not_forgotten",
        "nothing_is_forgotten_as_completed_that_is_not",
    ];
    assert_eq!(failed[..2], lost);
    let may_be_lost = ["a_late_completion_or_a_forgetting_comes_first"];
    assert!(failed[2..].iter().all(|fact| may_be_lost.contains(fact)), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_forgets_no_steps_begins_anew_among_old_ones() {
    let failed = ["what_lies_beneath_is_forgotten_unless_it_runs"];
    assert_eq!(facts_failed_by(Mistake::ForgetsNoSteps).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_lists_what_was_seen_to_be_dead_leaves_out_the_rest() {
    let failed = [
        "what_is_stuck_is_listed_and_nothing_else_is",
        "what_is_stuck_is_listed_page_by_page_and_in_order",
        "what_is_stuck_is_listed_for_one_endpoint",
    ];
    assert_eq!(facts_failed_by(Mistake::ListsWhatWasSeen).await, failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_abandons_what_it_looks_at_takes_it_from_its_owner() {
    assert_eq!(facts_failed_by(Mistake::LooksLikeAClaim).await, ["a_look_changes_nothing"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_does_not_know_what_an_entry_is_of_is_found_out() {
    for (mistake, facts) in [
        (
            Mistake::LosesTheEndpoint,
            &[
                "an_entry_tells_its_endpoint_in_every_state",
                "an_entry_tells_an_endpoint_of_any_characters_and_of_none",
                "an_entry_tells_the_endpoint_that_has_taken_it_over",
                "what_is_stuck_is_listed_for_one_endpoint",
            ][..],
        ),
        (Mistake::KeepsTheFirstEndpoint, &["an_entry_tells_the_endpoint_that_has_taken_it_over"][..]),
        (Mistake::ListsEveryEndpoint, &["what_is_stuck_is_listed_for_one_endpoint"][..]),
    ] {
        assert_eq!(facts_failed_by(mistake).await, facts);
    }
}
