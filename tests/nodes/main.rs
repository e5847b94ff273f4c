//! Two nodes on one store: single flight across them, and what is left when one is killed.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod blocked;
mod by_hand;
mod crash;
mod flood;
mod pooled;
mod service;

use idempotent_tests::stores::{database_url, redis_url};

const SQLITE: &str = "sqlite:{folder}/keys.db";

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_over_two_nodes_on_sqlite_have_one_effect() {
    flood::one_effect_answers_all(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_over_two_nodes_on_redis_have_one_effect() {
    flood::one_effect_answers_all(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_over_two_nodes_on_postgres_have_one_effect() {
    flood::one_effect_answers_all(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_twice_when_nodes_on_sqlite_are_killed() {
    crash::nothing_runs_twice(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_twice_when_nodes_on_redis_are_killed() {
    crash::nothing_runs_twice(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_twice_when_nodes_on_postgres_are_killed() {
    crash::nothing_runs_twice(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_under_rerun_when_nodes_on_sqlite_are_killed() {
    crash::every_request_is_answered(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_under_rerun_when_nodes_on_redis_are_killed() {
    crash::every_request_is_answered(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_under_rerun_when_nodes_on_postgres_are_killed() {
    crash::every_request_is_answered(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_runs_twice_when_nodes_on_sqlite_are_killed() {
    crash::no_step_runs_twice(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_runs_twice_when_nodes_on_redis_are_killed() {
    crash::no_step_runs_twice(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_runs_twice_when_nodes_on_postgres_are_killed() {
    crash::no_step_runs_twice(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_ends_under_rerun_when_nodes_on_sqlite_are_killed() {
    crash::every_step_ends(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_ends_under_rerun_when_nodes_on_redis_are_killed() {
    crash::every_step_ends(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_ends_under_rerun_when_nodes_on_postgres_are_killed() {
    crash::every_step_ends(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_what_a_killed_node_has_left_on_sqlite() {
    by_hand::what_a_killed_node_has_left_is_ended(SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_what_a_killed_node_has_left_on_redis() {
    by_hand::what_a_killed_node_has_left_is_ended(&redis_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_what_a_killed_node_has_left_on_postgres() {
    by_hand::what_a_killed_node_has_left_is_ended(&database_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_refuse_nothing_runs_twice_on_sqlite_while_workers_are_blocked() {
    blocked::nothing_runs_twice(SQLITE, "/refuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_refuse_nothing_runs_twice_on_redis_while_workers_are_blocked() {
    blocked::nothing_runs_twice(&redis_url(), "/refuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_refuse_nothing_runs_twice_on_postgres_while_workers_are_blocked() {
    blocked::nothing_runs_twice(&database_url(), "/refuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_rerun_nothing_runs_twice_on_sqlite_while_workers_are_blocked() {
    blocked::nothing_runs_twice(SQLITE, "/rerun").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_rerun_nothing_runs_twice_on_redis_while_workers_are_blocked() {
    blocked::nothing_runs_twice(&redis_url(), "/rerun").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_rerun_nothing_runs_twice_on_postgres_while_workers_are_blocked() {
    blocked::nothing_runs_twice(&database_url(), "/rerun").await;
}
