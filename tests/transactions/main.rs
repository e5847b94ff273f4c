//! Handlers whose rows commit together with their response: on PostgreSQL and on SQLite.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Runs each of these tests on both databases.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let place = <crate::kit::OnPostgres as crate::kit::Place>::new().await;
                super::$test(&place).await;
                crate::kit::Place::clean(place).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let place = <crate::kit::OnSqlite as crate::kit::Place>::new().await;
                super::$test(&place).await;
                crate::kit::Place::clean(place).await;
            })*
        }
    };
}

mod checkpoints;
mod claims;
mod costs;
mod crashes;
mod crowd;
mod hooks;
mod in_doubt;
mod kit;
mod listener;
mod lost_claim;
mod misuse;
mod outcomes;
mod reconciled;
mod roles;
mod unsynced;
mod ways_out;
