//! Handlers whose rows commit together with their response: on PostgreSQL and on SQLite, with
//! sqlx, SeaORM, Diesel and tokio-postgres.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Runs each of these tests with one fixture.
macro_rules! on {
    ($module:ident, $fixture:ty, $($test:ident),* $(,)?) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let fixture = <$fixture as crate::fixture::Fixture>::new().await;
                super::$test(&fixture).await;
                crate::fixture::Fixture::clean(fixture).await;
            })*
        }
    };
}

/// Runs each of these tests on both databases of sqlx.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        on!(on_postgres, crate::fixture::OnPostgres, $($test),*);
        on!(on_sqlite, crate::fixture::OnSqlite, $($test),*);
    };
}

/// Runs each of these tests with the other libraries for PostgreSQL.
macro_rules! on_other_libraries {
    ($($test:ident),* $(,)?) => {
        on!(on_sea_orm, crate::libraries::OnSeaOrm, $($test),*);
        on!(on_diesel, crate::libraries::OnDiesel, $($test),*);
        on!(on_tokio_postgres, crate::libraries::OnTokioPostgres, $($test),*);
    };
}

/// Runs each of these tests on PostgreSQL, with every library.
macro_rules! on_postgres {
    ($($test:ident),* $(,)?) => {
        on!(on_postgres, crate::fixture::OnPostgres, $($test),*);
        on_other_libraries!($($test),*);
    };
}

/// Runs each of these tests on everything that can be lent.
macro_rules! on_all {
    ($($test:ident),* $(,)?) => {
        on_both!($($test),*);
        on_other_libraries!($($test),*);
    };
}

mod bank;
mod checkpoints;
mod claims;
mod conflicts;
mod costs;
mod crashes;
mod crowd;
mod fixture;
mod handed_in;
mod hooks;
mod in_doubt;
mod inbox;
mod inner;
mod libraries;
mod listener;
mod lost_claim;
mod misuse;
mod orms;
mod outcomes;
mod reconciled;
mod roles;
mod unsynced;
mod ways_out;
