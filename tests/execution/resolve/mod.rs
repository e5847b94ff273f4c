//! Keys that an operator ends by hand, forgets and lists, on every store.

/// The tests on each store.
macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        on_every_store! { memory OnMemory $($test)* }
        on_every_store! { sqlite OnSqlite $($test)* }
        on_every_store! { redis OnRedis $($test)* }
        on_every_store! { postgres OnPostgres $($test)* }
    };
    ($module:ident $ground:ident $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&<super::super::ground::$ground as super::super::ground::Ground>::new().await).await;
            })*
        }
    };
}

mod forgotten;
mod ground;
mod mistakes;
mod names;
mod outcomes;
mod process;
mod records;
mod stuck;
mod untouched;
