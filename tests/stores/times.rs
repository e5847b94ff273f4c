//! Times that are measured until the machine lets them: a machine that was busy with something else
//! proves nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Time that a notification takes to wake a waiter on another node.
pub(crate) const WAKE_UP: Duration = Duration::from_millis(20);

/// Measures until it took less than `limit`, ten times at most.
pub(crate) async fn is_within(limit: Duration, what: &str, mut measure: impl AsyncFnMut() -> Duration) {
    let mut measured = Vec::new();
    while measured.len() < 10 && measured.iter().all(|took| *took >= limit) {
        measured.push(measure().await);
    }
    println!("{what}: {measured:?}");
    assert!(measured.iter().any(|took| *took < limit), "{what}: {measured:?}, and never less than {limit:?}");
}

/// The median of so many measurements.
pub(crate) async fn median_of(times: usize, mut measure: impl AsyncFnMut() -> Duration) -> Duration {
    let mut measured = Vec::new();
    for _ in 0..times {
        measured.push(measure().await);
    }
    median(measured)
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Waits until so many looks more are counted.
pub(crate) async fn looked(polls: impl Fn() -> u64, looks: u64) {
    let wanted = polls() + looks;
    let looked = async {
        while polls() < wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), looked).await.expect("it goes on looking");
}

/// Asserts that looks at each of so many keys come at half a second's distance, give or take a
/// quarter, whoever waits.
pub(crate) async fn looks_each_half_second(polls: impl Fn() -> u64, keys: u64) {
    let began = Instant::now();
    looked(polls, 8 * keys).await;
    println!("8 looks at each of {keys} keys in {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_millis(375) * 7, "{:?}", began.elapsed());
}
