//! Runtimes that are nobody's but tokio's, and many who come at once.

use std::{convert::Infallible, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, Once};
use idempotent_tests::fresh;
use tokio::{runtime::Builder, time::sleep};

use super::fixture::Runs;

/// Sixteen tasks settle one message, which borrow it.
pub(super) async fn race(idempotency: &Idempotency, key: &str) {
    let runs = Runs::default();
    let racers = (0..16).map(|_| {
        let (idempotency, key, runs) = (idempotency.clone(), key.to_owned(), runs.clone());
        tokio::spawn(async move {
            let step = async |_| {
                sleep(Duration::from_millis(20)).await;
                Ok::<_, Infallible>((key.clone(), runs.one()))
            };
            idempotency.once("settle", &key).run(step).await.unwrap()
        })
    });
    let told: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
    let value = (key.to_owned(), 1);
    let count = |one: Once<(String, u32)>| told.iter().filter(|told| **told == one).count();
    assert_eq!((count(Once::Ran(value.clone())), count(Once::Replayed(value))), (1, 15), "{told:?}");
    assert_eq!(runs.count(), 1);
}

#[test]
fn sixteen_tasks_of_a_multi_thread_runtime_run_one_step() {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let idempotency = fresh().build().unwrap();
        for key in 0..20 {
            race(&idempotency, &key.to_string()).await;
        }
    });
}

#[tokio::test]
async fn sixteen_tasks_of_a_current_thread_runtime_run_one_step() {
    race(&fresh().build().unwrap(), "k").await;
}
