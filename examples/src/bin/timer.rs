//! A job that two nodes start at the same minute and one runs:
//! `cargo run -p idempotent-examples --bin timer`, in two terminals.
//!
//! The key is the minute for which the job is scheduled, and not the moment at which a node comes
//! to it. So it is the same at every node, also at one that is late.
//!
//! `STORE` is the file in which the nodes keep their keys (`sqlite:PATH`, by default a file in the
//! temporary directory). `PERIOD_SECONDS` is the time between two runs (60), and `RUNS` is their
//! number, after which the program ends.

use std::{
    env,
    error::Error,
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use idempotent_examples::{give_up, number};
use idempotent_runtime::{Idempotency, Once, SqliteStore};
use tokio::time::sleep;

/// Time for which a node may be late. After it the key is forgotten, and the job would run again.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The job. Its value is recorded, and the other node gets it.
async fn report(scheduled: u64) -> Result<String, Box<dyn Error + Send + Sync>> {
    Ok(format!("report of {scheduled}, by process {}", process::id()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = env::var("STORE")
        .unwrap_or_else(|_| format!("sqlite:{}", env::temp_dir().join("idempotent-timer.db").display()));
    let store = SqliteStore::open(&store).await.unwrap_or_else(|error| give_up(error));
    let idempotency = Idempotency::builder().store(store).namespace("reports").build()?;
    let (period, runs) = (number("PERIOD_SECONDS", 60).max(1), number("RUNS", u64::MAX));

    let mut scheduled = (seconds_now() / period + 1) * period;
    println!("Every {period} seconds, on the clock. Start it in another terminal too");
    for _ in 0..runs {
        sleep(until(scheduled)).await;
        match idempotency
            .once("report", scheduled.to_string())
            .ttl(DAY)
            .run(async |_| report(scheduled).await)
            .await
        {
            Ok(Once::Ran(report)) => println!("{scheduled}: ran here: {report}"),
            Ok(Once::Replayed(report)) => println!("{scheduled}: ran elsewhere: {report}"),
            // A node that died in the job, for one: somebody has to look.
            Ok(other) => eprintln!("{scheduled}: {other:?}"),
            // The key is free, so the job may be tried again, at this node or at another.
            Err(error) => eprintln!("{scheduled}: {error}"),
        }
        scheduled += period;
    }
    Ok(())
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Time until then. None if that has passed.
fn until(scheduled: u64) -> Duration {
    let then = UNIX_EPOCH + Duration::from_secs(scheduled);
    then.duration_since(SystemTime::now()).unwrap_or_default()
}
