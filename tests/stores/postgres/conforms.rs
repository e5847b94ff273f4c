//! The PostgreSQL store conforms, and what is special to it.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{
    ManualClock, PostgresStoreBuilder,
    conformance::{Report, Subject, check},
    store::LocalCache,
};
use idempotent_tests::{pooled::Pooled, postgres::Schema};

/// For how many keys each race is repeated, directly and behind a pooler.
const KEYS: (usize, usize) = (200, 20);

fn keys(usual: usize) -> usize {
    std::env::var("CONFORMANCE_KEYS").map_or(usual, |keys| keys.parse().unwrap())
}

/// Checks the stores that `builder` makes in `schema`, behind a local cache where it is given a
/// clock.
async fn checked(
    schema: Arc<Schema>,
    builder: PostgresStoreBuilder,
    keys: usize,
    clock: Option<ManualClock>,
) -> Report {
    builder.clone().build().await.unwrap();
    let (shifted, damaged) = (Arc::clone(&schema), Arc::clone(&schema));
    let (local, swept) = (clock.clone(), builder.clone());
    let sweep = move || {
        let builder = swept.clone();
        async move { assert!(builder.build().await.unwrap().sweep().await.is_ok()) }
    };
    let shift = move |time: Duration| {
        let schema = Arc::clone(&shifted);
        local.iter().for_each(|clock| clock.advance(time));
        async move { schema.shift(time).await }
    };
    let report = match clock {
        None => {
            let open = move || {
                let builder = builder.clone();
                async move { builder.build().await.unwrap() }
            };
            let damage = move |address| {
                let schema = Arc::clone(&damaged);
                async move { schema.damage(address).await }
            };
            check(
                Subject::new(open).shift(shift).sweep(sweep).damage(damage).keys(keys).resolves().inspects(),
            )
            .await
        }
        Some(clock) => {
            let open = move || {
                let (builder, clock) = (builder.clone(), clock.clone());
                async move { LocalCache::new(builder.build().await.unwrap(), 1 << 20, clock) }
            };
            check(Subject::new(open).shift(shift).sweep(sweep).keys(keys).resolves().inspects()).await
        }
    };
    schema.execute("DROP SCHEMA {} CASCADE").await;
    report
}

async fn checked_directly(clock: Option<ManualClock>) -> Report {
    let schema = Arc::new(Schema::new().await);
    let builder = schema.builder();
    checked(schema, builder, keys(KEYS.0), clock).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms() {
    checked_directly(None).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_behind_a_local_cache() {
    checked_directly(Some(ManualClock::new())).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_behind_a_pooler() {
    let pooled = Pooled::new().await;
    let report = checked(Arc::clone(&pooled.schema), pooled.builder(), keys(KEYS.1), None).await;
    report.assert();
}
