//! The same with nodes behind a pooler, which lends them five sessions for one transaction at a
//! time.

use idempotent_tests::pooled::Pooled;

use crate::{blocked, by_hand, crash, flood};

/// Number of kills: `POOLER_KILLS=200 cargo test` for as many as without a pooler.
fn kills() -> usize {
    std::env::var("POOLER_KILLS").map_or(40, |kills| kills.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_over_two_nodes_behind_a_pooler_have_one_effect() {
    let pooled = Pooled::new().await;
    flood::one_effect_answers_all(&pooled.pooler.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_twice_when_nodes_behind_a_pooler_are_killed() {
    let pooled = Pooled::new().await;
    crash::nothing_runs_twice_at(&pooled.pooler.url(), "/refuse", kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_under_rerun_when_nodes_behind_a_pooler_are_killed() {
    let pooled = Pooled::new().await;
    crash::every_request_is_answered_at(&pooled.pooler.url(), "/rerun", kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_runs_twice_when_nodes_behind_a_pooler_are_killed() {
    let pooled = Pooled::new().await;
    crash::no_step_runs_twice(&pooled.pooler.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_ends_under_rerun_when_nodes_behind_a_pooler_are_killed() {
    let pooled = Pooled::new().await;
    crash::every_step_ends(&pooled.pooler.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_what_a_killed_node_has_left_behind_a_pooler() {
    let pooled = Pooled::new().await;
    by_hand::what_a_killed_node_has_left_is_ended(&pooled.pooler.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_refuse_nothing_runs_twice_behind_a_pooler_while_workers_are_blocked() {
    let pooled = Pooled::new().await;
    blocked::nothing_runs_twice(&pooled.pooler.url(), "/refuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_rerun_nothing_runs_twice_behind_a_pooler_while_workers_are_blocked() {
    let pooled = Pooled::new().await;
    blocked::nothing_runs_twice(&pooled.pooler.url(), "/rerun").await;
}
