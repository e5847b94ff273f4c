//! Handlers whose rows commit together with their response: on PostgreSQL and on SQLite.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Runs each of these tests on both databases.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let fixture = <crate::fixture::OnPostgres as crate::fixture::Fixture>::new().await;
                super::$test(&fixture).await;
                crate::fixture::Fixture::clean(fixture).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let fixture = <crate::fixture::OnSqlite as crate::fixture::Fixture>::new().await;
                super::$test(&fixture).await;
                crate::fixture::Fixture::clean(fixture).await;
            })*
        }
    };
}

mod bank;
mod checkpoints;
mod claims;
mod costs;
mod crashes;
mod crowd;
mod fixture;
mod hooks;
mod in_doubt;
mod inbox;
mod listener;
mod lost_claim;
mod misuse;
mod outcomes;
mod reconciled;
mod roles;
mod unsynced;
mod ways_out;
