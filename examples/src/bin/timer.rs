//! A job that two nodes start at the same minute and one runs:
//! `cargo run -p idempotent-examples --bin timer`, in two terminals.
//!
//! The key is the minute for which the job is scheduled, and not the moment at which a node comes
//! to it. So it is the same at every node, also at one that is late.
//!
//! `STORE` is the file in which the nodes keep their keys (`sqlite:PATH`, by default a file in the
//! temporary directory). `PERIOD_SECONDS` is the time between two runs (60), and `RUNS` is their
//! number, after which the program ends. `FIRST` is the first run, in seconds since 1970 (by
//! default the next one on the clock): a node that starts late makes up for those that it has
//! missed, of the last day. `REPORTS` is a folder into which the reports are written.

use std::{
    env,
    error::Error,
    path::Path,
    process,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use idempotent_examples::{give_up, number};
use idempotent_runtime::{Idempotency, Once, OnceError, SqliteStore};
use tokio::time::sleep;

/// Time for which a node may be late. After it the key is forgotten, and the job would run again,
/// so it is skipped.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Pause after the job has failed.
const PAUSE: Duration = Duration::from_secs(1);

type Failed = Box<dyn Error + Send + Sync>;

/// The job. Its value is recorded, and the other node gets it. With `REPORTS` it is also a file.
async fn report(scheduled: u64) -> Result<String, Failed> {
    let report = format!("report of {scheduled}, by process {}", process::id());
    if let Some(folder) = env::var_os("REPORTS") {
        tokio::fs::write(Path::new(&folder).join(scheduled.to_string()), &report).await?;
    }
    Ok(report)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = env::var("STORE")
        .unwrap_or_else(|_| format!("sqlite:{}", env::temp_dir().join("idempotent-timer.db").display()));
    let store = SqliteStore::open(&store).await.unwrap_or_else(|error| give_up(error));
    let idempotency = Idempotency::builder().store(store).namespace("reports").build()?;
    let (period, runs) = (number("PERIOD_SECONDS", 60).max(1), number("RUNS", u64::MAX));
    let first = number("FIRST", (seconds_now() / period + 1) * period);

    println!("Every {period} seconds, on the clock. Start it in another terminal too");
    for scheduled in (0..runs).map(|run| first + run * period) {
        sleep(until(scheduled)).await;
        if scheduled + DAY.as_secs() <= seconds_now() {
            eprintln!("{scheduled}: skipped, since nobody remembers whether it has run");
            continue;
        }
        match run(&idempotency, scheduled, Duration::from_secs(period)).await {
            Ok(Once::Ran(report)) => println!("{scheduled}: ran here: {report}"),
            Ok(Once::Replayed(report)) => println!("{scheduled}: ran elsewhere: {report}"),
            // A node that died in the job, for one: somebody has to look.
            Ok(other) => eprintln!("{scheduled}: {other:?}"),
            Err(error) => eprintln!("{scheduled}: {error}"),
        }
    }
    Ok(())
}

/// Runs the job of that time, or gets what another node has made of it. Tries again for so long:
/// while another node is at it, while the store is down, and when the job has failed.
async fn run(
    idempotency: &Idempotency,
    scheduled: u64,
    so_long: Duration,
) -> Result<Once<String>, OnceError<Failed>> {
    let began = Instant::now();
    loop {
        let job = idempotency.once("report", scheduled.to_string()).ttl(DAY);
        let result = job.run(async |_| report(scheduled).await).await;
        let pause = match &result {
            Ok(Once::InProgress { retry_after }) | Err(OnceError::Unavailable { retry_after }) => {
                *retry_after
            }
            Err(OnceError::Step(error)) => {
                eprintln!("{scheduled}: failed: {error}");
                PAUSE
            }
            _ => return result,
        };
        if began.elapsed() + pause >= so_long {
            return result;
        }
        sleep(pause).await;
    }
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Time until then. None if that has passed.
fn until(scheduled: u64) -> Duration {
    let then = UNIX_EPOCH + Duration::from_secs(scheduled);
    then.duration_since(SystemTime::now()).unwrap_or_default()
}
