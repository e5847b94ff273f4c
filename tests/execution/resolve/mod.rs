//! Keys that an operator ends by hand, forgets and lists, on every store.

/// The tests on each store.
macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        on_every_store! { memory OnMemory $($test)* }
        on_every_store! { sqlite OnSqlite $($test)* }
        on_every_store! { redis OnRedis $($test)* }
        on_every_store! { postgres OnPostgres $($test)* }
    };
    ($module:ident $fixture:ident $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&<super::super::fixture::$fixture as super::super::fixture::Fixture>::new().await).await;
            })*
        }
    };
}

mod fixture;
mod forgotten;
mod mistakes;
mod names;
mod outcomes;
mod process;
mod records;
mod recovered;
mod stuck;
mod untouched;
