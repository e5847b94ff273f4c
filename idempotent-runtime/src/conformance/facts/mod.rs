//! The facts: each a function named by a sentence, on addresses of its own.

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

use futures_util::future::BoxFuture;

use super::desk::{Desk, Verdict};
use crate::store::Store;

pub(super) struct Fact<S> {
    pub(super) name: &'static str,
    pub(super) run: fn(Desk<S>) -> BoxFuture<'static, Verdict>,
}

macro_rules! facts {
    ($($module:ident: $($fact:ident),+;)+) => {
        vec![$($(Fact {
            name: stringify!($fact),
            run: |desk| Box::pin($module::$fact(desk)),
        }),+),+]
    };
}

/// Facts that one caller after the other can check.
pub(super) fn alone<S: Store>() -> Vec<Fact<S>> {
    facts! {
        claims:
            a_vacant_address_is_won_as_attempt_1,
            a_claim_repeated_with_its_token_is_won_again,
            a_claim_repeated_after_its_lease_is_won_again,
            a_claim_repeated_counts_its_lease_anew,
            a_claim_repeated_counts_its_retention_anew,
            a_running_claim_is_in_flight_for_others,
            another_fingerprint_is_reused_while_claimed,
            another_fingerprint_is_reused_with_the_same_token,
            another_fingerprint_is_reused_after_the_lease,
            another_fingerprint_is_reused_once_abandoned,
            another_fingerprint_is_reused_once_completed,
            another_fingerprint_is_reused_once_expired,
            addresses_do_not_touch_each_other,
            handles_to_the_same_data_see_the_same,
            no_claim_is_forgotten_for_newer_ones,
            no_two_claims_get_the_same_token;
        replays:
            a_completed_request_is_replayed,
            a_completed_request_is_replayed_to_its_owner,
            every_replay_has_the_same_bytes,
            a_record_of_no_bytes_is_replayed,
            a_record_of_every_byte_is_replayed,
            a_record_of_a_mebibyte_is_replayed,
            a_record_is_replayed_until_its_ttl_ends,
            the_ttl_counts_from_completion,
            an_address_is_vacant_after_the_ttl,
            a_remembered_record_is_expired_then_vacant,
            a_completion_repeated_after_its_record_has_expired_is_stored,
            a_completion_repeated_after_it_is_forgotten_is_fenced,
            reruns_replay_too,
            no_record_is_forgotten_for_newer_ones;
        leases:
            a_renewed_lease_runs_from_now,
            an_expired_lease_that_nobody_saw_is_renewed,
            an_expired_lease_that_nobody_saw_is_completed,
            an_expired_lease_that_nobody_saw_is_released,
            an_expired_lease_that_was_seen_is_abandoned_for_good,
            an_abandoned_claim_is_not_run_again,
            an_abandoned_claim_is_lost_to_its_owner,
            an_abandoned_claim_is_forgotten_after_its_retention,
            an_expired_claim_is_forgotten_after_its_retention,
            a_hold_is_fenced_after_its_retention,
            a_hold_is_renewed_and_completed_within_its_retention,
            an_expired_lease_is_taken_over_as_the_next_attempt,
            a_running_lease_is_not_taken_over;
        fences:
            a_released_address_is_vacant,
            a_release_with_another_token_changes_nothing,
            a_release_of_a_vacant_address_changes_nothing,
            a_release_after_completion_changes_nothing,
            a_renewal_with_another_token_is_fenced,
            a_renewal_of_a_vacant_address_is_fenced,
            a_renewal_after_completion_is_fenced,
            a_completion_with_another_token_is_fenced,
            a_completion_of_a_vacant_address_is_fenced,
            a_completion_repeated_is_stored_and_changes_nothing,
            a_completion_after_another_is_told_the_winner,
            an_owner_taken_over_changes_nothing,
            an_owner_taken_over_is_told_the_winner,
            an_owner_is_not_told_of_another_request;
        waits:
            waiting_ends_at_once_on_a_vacant_address,
            waiting_ends_at_once_on_a_completed_address,
            waiting_ends_at_once_on_an_abandoned_address,
            waiting_ends_when_the_claim_completes,
            waiting_ends_when_the_claim_is_released,
            waiting_ends_when_the_claim_is_abandoned,
            waiting_ends_when_a_takeover_completes,
            waiting_ends_when_another_handle_completes,
            waiting_holds_nothing,
            waiting_that_is_dropped_holds_nothing;
        recalls:
            nothing_is_recalled_before_it_is_completed,
            what_is_recalled_is_what_a_claim_replays,
            nothing_is_recalled_for_another_request,
            nothing_is_recalled_after_it_has_expired;
    }
}

/// Facts about entries that cannot be read.
pub(super) fn damaged<S: Store>() -> Vec<Fact<S>> {
    facts! {
        damaged:
            an_unreadable_claim_is_never_won,
            an_unreadable_record_is_never_run_again,
            no_hold_on_an_unreadable_entry_stands,
            an_unreadable_entry_is_not_ended_by_hand;
    }
}

/// Facts about simultaneous claims.
pub(super) fn racing<S: Store>() -> Vec<Fact<S>> {
    facts! {
        races:
            one_of_many_claims_wins_a_vacant_address,
            one_of_many_requests_owns_a_vacant_address,
            one_of_many_claims_takes_over_an_expired_lease,
            one_completion_is_replayed_to_all,
            a_late_completion_wins_or_loses_for_all,
            one_of_many_claims_wins_a_released_address;
    }
}

/// Facts about stores that can end entries by hand.
pub(super) fn resolving<S: Store>() -> Vec<Fact<S>> {
    facts! {
        resolves:
            nothing_is_resolved_where_nothing_is,
            nothing_is_resolved_after_its_retention,
            what_runs_is_not_resolved,
            an_abandoned_claim_is_resolved_with_a_record,
            an_abandoned_claim_is_resolved_to_be_vacant,
            an_expired_lease_that_nobody_saw_is_resolved,
            an_owner_whose_claim_was_resolved_is_fenced,
            what_is_resolved_is_kept_as_long_as_it_would_have_been,
            what_is_completed_is_not_resolved_unless_that_record_is_meant,
            an_empty_record_is_resolved_like_any_other,
            a_replaced_record_keeps_the_time_of_the_one_before,
            what_has_expired_is_not_resolved,
            a_resolution_repeated_is_done_and_changes_nothing,
            waiting_ends_when_the_claim_is_resolved;
    }
}

/// Facts about stores that can be looked into.
pub(super) fn inspecting<S: Store>() -> Vec<Fact<S>> {
    facts! {
        inspects:
            nothing_is_found_where_nothing_is,
            what_runs_is_found_running,
            an_expired_lease_is_found_whether_or_not_it_was_seen,
            what_is_completed_is_found_with_its_record,
            what_was_completed_is_found_with_its_attempt,
            what_has_expired_is_found_expired_and_forgotten,
            a_look_changes_nothing,
            what_runs_is_not_forgotten,
            what_is_completed_is_forgotten,
            an_owner_whose_claim_was_forgotten_is_fenced,
            no_other_entry_is_forgotten_than_the_one_that_is_meant,
            what_was_completed_after_it_was_seen_is_not_forgotten,
            nothing_is_forgotten_as_completed_that_is_not,
            what_lies_beneath_is_forgotten_unless_it_runs,
            waiting_ends_when_the_claim_is_forgotten,
            what_is_stuck_is_listed_and_nothing_else_is,
            what_is_stuck_is_listed_page_by_page_and_in_order,
            a_cursor_of_nobodys_is_an_error;
    }
}

/// Facts about simultaneous callers, for the same stores.
pub(super) fn forgetting_at_once<S: Store>() -> Vec<Fact<S>> {
    facts! {
        races:
            one_of_many_forgettings_frees_a_key_for_one_of_many_claims,
            one_of_many_forgettings_takes_what_is_completed,
            a_late_completion_or_a_forgetting_comes_first;
    }
}

/// Facts about simultaneous resolutions.
pub(super) fn resolving_at_once<S: Store>() -> Vec<Fact<S>> {
    facts! {
        races:
            one_of_many_resolutions_ends_an_expired_claim,
            a_late_completion_or_a_resolution_wins_for_all;
    }
}
