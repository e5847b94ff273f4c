//! The PostgreSQL store conforms, and what is special to it.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{
    ManualClock,
    conformance::{Report, Subject, check},
    store::LocalCache,
};
use idempotent_tests::postgres::Schema;

/// For how many keys each race is repeated.
fn keys() -> usize {
    std::env::var("CONFORMANCE_KEYS").map_or(200, |keys| keys.parse().unwrap())
}

async fn checked(clock: Option<ManualClock>) -> Report {
    let schema = Arc::new(Schema::new().await);
    schema.store().await;
    let (opened, shifted, damaged) = (Arc::clone(&schema), Arc::clone(&schema), Arc::clone(&schema));
    let (local, swept) = (clock.clone(), Arc::clone(&schema));
    let sweep = move || {
        let schema = Arc::clone(&swept);
        async move { assert!(schema.store().await.sweep().await.is_ok()) }
    };
    let shift = move |time: Duration| {
        let schema = Arc::clone(&shifted);
        local.iter().for_each(|clock| clock.advance(time));
        async move { schema.shift(time).await }
    };
    let report = match clock {
        None => {
            let open = move || {
                let schema = Arc::clone(&opened);
                async move { schema.store().await }
            };
            let damage = move |address| {
                let schema = Arc::clone(&damaged);
                async move { schema.damage(address).await }
            };
            check(
                Subject::new(open)
                    .shift(shift)
                    .sweep(sweep)
                    .damage(damage)
                    .keys(keys())
                    .resolves()
                    .inspects(),
            )
            .await
        }
        Some(clock) => {
            let open = move || {
                let (schema, clock) = (Arc::clone(&opened), clock.clone());
                async move { LocalCache::new(schema.store().await, 1 << 20, clock) }
            };
            check(Subject::new(open).shift(shift).sweep(sweep).keys(keys()).resolves().inspects()).await
        }
    };
    schema.execute("DROP SCHEMA {} CASCADE").await;
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms() {
    checked(None).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_behind_a_local_cache() {
    checked(Some(ManualClock::new())).await.assert();
}
