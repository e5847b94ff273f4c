//! Processes killed in the midst of writing.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use idempotent_runtime::{
    Address, SqliteStore, Store,
    store::{Claim, Hold},
};
use idempotent_tests::Scratch;
use sqlx::Row;

use super::{HOUR, claim, hold, open, pool};

/// Answers that a process printed before it was killed.
#[derive(Debug, Default)]
struct Told {
    claimed: Vec<Address>,
    stored: Vec<Address>,
}

fn address(hex: &str) -> Address {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    Address::from_bytes(std::array::from_fn(byte))
}

/// Runs a writer on `path`, kills it some time after its first line, and gives what it said.
fn killed(path: &Path, how: &[&str], after: Duration) -> Told {
    let mut writer = Command::new(env!("CARGO_BIN_EXE_sqlite_writer"))
        .arg(path)
        .args(how)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(writer.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    // Read beside it, or the writer would wait for room in the pipe.
    let reading = std::thread::spawn(move || said.split(b'\n').map(Result::unwrap).collect::<Vec<_>>());
    sleep(after);
    writer.kill().unwrap();
    writer.wait().unwrap();
    let rest = reading.join().unwrap();
    let lines = std::iter::once(first.trim_end().to_owned())
        .chain(rest.into_iter().map(|line| String::from_utf8(line).unwrap()));
    let mut told = Told::default();
    for line in lines {
        // The last line may have been cut off.
        match line.split_once(' ').filter(|(_, hex)| hex.len() == 64) {
            Some(("claimed", hex)) => told.claimed.push(address(hex)),
            Some(("stored", hex)) => told.stored.push(address(hex)),
            _ => {}
        }
    }
    told
}

/// Number of the acknowledged claims and responses that are not there.
async fn lost(store: &SqliteStore, told: &Told) -> (usize, usize) {
    let mut lost = (0, 0);
    for &address in &told.claimed {
        match store.claim(claim(Hold { address, ..hold() })).await.unwrap() {
            Claim::Won { .. } => lost.0 += 1,
            // Both processes read the same clock.
            Claim::InFlight { lease_left } => assert!(HOUR - lease_left < Duration::from_secs(60)),
            found => assert!(matches!(found, Claim::Replay { .. }), "{found:?}"),
        }
    }
    for &address in &told.stored {
        match store.claim(claim(Hold { address, ..hold() })).await.unwrap() {
            Claim::Replay { record, .. } if record.as_bytes()[..] == address.as_bytes()[..] => {}
            _ => lost.1 += 1,
        }
    }
    lost
}

async fn integrity(path: &Path) -> String {
    sqlx::query("PRAGMA integrity_check").fetch_one(&pool(path).await).await.unwrap().get(0)
}

/// A different moment each time, from at once to after some hundred transactions.
fn moment(kill: u64) -> Duration {
    Duration::from_micros(kill.wrapping_mul(0x9e37_79b9) % 120_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_under_load_loses_nothing_that_was_acknowledged() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (mut claimed, mut stored) = (0, 0);
    for kill in 0..50 {
        let told = killed(&path, &[], moment(kill));
        let store = open(&path).await;
        assert_eq!(lost(&store, &told).await, (0, 0), "after kill {kill}");
        assert_eq!(integrity(&path).await, "ok", "after kill {kill}");
        claimed += told.claimed.len();
        stored += told.stored.len();
    }
    println!("{claimed} claims and {stored} responses acknowledged before 50 kills");
    assert!(claimed > 500 && stored > 500, "too little was killed: {claimed} and {stored}");
}

const PROCESSES: usize = 10;
const KEYS: usize = 500;

/// A process that claims the same keys as the others, from when it is told to.
struct Racer {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Racer {
    fn spawn(path: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sqlite_writer"))
            .arg(path)
            .args(["race", &KEYS.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Racer { process, said }
    }

    /// Waits until it has opened the file.
    fn is_ready(&mut self) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }

    fn start(&mut self) {
        drop(self.process.stdin.take());
    }

    /// The keys that it has won, once it has claimed all.
    fn won(mut self) -> Vec<String> {
        let won = self.said.lines().map(Result::unwrap).collect();
        let ended = self.process.wait().unwrap();
        assert!(ended.success(), "{ended}");
        won
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_processes_that_create_one_file_and_claim_the_same_keys_win_each_once() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let mut racers: Vec<_> = (0..PROCESSES).map(|_| Racer::spawn(&path)).collect();
    racers.iter_mut().for_each(Racer::is_ready);
    racers.iter_mut().for_each(Racer::start);
    let won: Vec<Vec<String>> = racers.into_iter().map(Racer::won).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    won.iter().flatten().for_each(|key| *times.entry(key).or_default() += 1);
    assert_eq!(times.len(), KEYS);
    assert!(times.values().all(|&times| times == 1), "{times:?}");
    let wins: Vec<usize> = won.iter().map(Vec::len).collect();
    println!("won by each process: {wins:?}");
    assert!(wins.iter().filter(|&&wins| wins > 0).count() > 1, "nothing was raced for: {wins:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_acknowledges_before_it_commits_is_seen_to_lose() {
    let scratch = Scratch::new();
    let (mut claims, mut responses) = (0, 0);
    for kill in 0..20 {
        let path = scratch.file(format!("{kill}.db"));
        let told = killed(&path, &["early"], moment(kill));
        let lost = lost(&open(&path).await, &told).await;
        claims += lost.0;
        responses += lost.1;
    }
    assert!(claims > 0 && responses > 0, "{claims} claims and {responses} responses were lost");
}
