//! Processes that are killed under load: the server, and the client with its keys on disk.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use futures_util::{
    future::{join, join_all},
    lock::Mutex,
};
use idempotent_tests::{Scratch, program::command};
use reqwest_middleware::ClientWithMiddleware;
use tokio::time::{Instant, sleep};

use crate::{
    canned::{brisk, client},
    ledger::{Ledger, Transfers},
};

const CLIENTS: usize = 128;
const KILLS: usize = 25;
/// Time in which the payroll has to go on.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);

/// Payers and payees in turn, so that no account is ever empty.
const TURNS: [(&str, &str); 6] = [
    ("alice", "bob"),
    ("bob", "carol"),
    ("carol", "alice"),
    ("alice", "carol"),
    ("carol", "bob"),
    ("bob", "alice"),
];

/// Makes transfers until it is told to stop; each has one answer, its own.
async fn transfer_until(
    stop: &AtomicBool,
    client: &ClientWithMiddleware,
    url: &str,
    next: &AtomicUsize,
    made: &Mutex<Transfers>,
) {
    while !stop.load(SeqCst) {
        let number = next.fetch_add(1, SeqCst);
        let (from, to) = TURNS[number % TURNS.len()];
        let cents = i64::try_from(number / TURNS.len() % 1_000).unwrap() + 1;
        let body = format!(r#"{{"from":"{from}","to":"{to}","cents":{cents}}}"#);
        let request = client.post(url).header("Content-Type", "application/json").body(body.clone());
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (201, body));
        *made.lock().await.entry((from.to_owned(), to.to_owned(), cents)).or_default() += 1;
    }
}

/// A server that is killed in the midst of a transaction has left nothing of it, so each call ends
/// with its answer and one effect. Where an effect is no row of the store's database, the client is
/// told `outcome_unknown` instead, and does not send again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_to_a_process_that_is_killed_again_and_again_have_one_effect_each() {
    let mut ledger = Ledger::behind(10).await;
    let settings = brisk().tries(u32::MAX).total_timeout(Duration::from_secs(3_600));
    let (client, url) = (client(settings), format!("{}/transfers", ledger.url()));
    let (stop, next, made) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::default());
    let calling = join_all((0..CLIENTS).map(|_| transfer_until(&stop, &client, &url, &next, &made)));
    let killing = async {
        for _ in 0..KILLS {
            sleep(Duration::from_millis(fastrand::u64(50..400))).await;
            ledger.die().await;
        }
        stop.store(true, SeqCst);
    };
    join(calling, killing).await;
    let (made, found) = (made.into_inner(), ledger.transfers().await);
    println!("{} calls, faults {:?}", next.load(SeqCst), ledger.network().met());
    let all: BTreeSet<_> = made.keys().chain(found.keys()).collect();
    let wrong: Vec<_> =
        all.into_iter().filter(|transfer| made.get(transfer) != found.get(transfer)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Ledger and folder with which the example `payroll` is started, again and again.
struct Payroll {
    ledger: Ledger,
    folder: Scratch,
}

const SALARIES: usize = 300;

impl Payroll {
    async fn new() -> Payroll {
        Payroll { ledger: Ledger::behind(50).await, folder: Scratch::new() }
    }

    async fn start(&self) -> Child {
        let command = tokio::task::spawn_blocking(|| command("payroll")).await;
        let mut command = command.unwrap();
        command.env("LEDGER", self.ledger.url()).env("PAYROLL", self.folder.file(""));
        command.env("SALARIES", SALARIES.to_string()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Number of salaries that the payroll has written down as paid.
    fn paid(&self) -> usize {
        fs::read_to_string(self.folder.file("paid")).map_or(0, |paid| paid.lines().count())
    }

    /// Waits until a process that is running has paid some more salaries, or has ended, and kills
    /// it.
    async fn kill_on_the_way(&self, running: &mut Child) -> Killed {
        let (end, enough) = (Instant::now() + PROGRESS_TIMEOUT, self.paid() + fastrand::usize(1..20));
        while self.paid() < enough {
            if let Some(status) = running.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return Killed::No;
            }
            assert!(Instant::now() < end, "it does not go on");
            sleep(Duration::from_millis(1)).await;
        }
        running.kill().unwrap();
        running.wait().unwrap();
        Killed::Yes
    }

    /// Kills the payroll again and again, and its ledger now and then, until it has paid everybody.
    /// Gives how often each was paid.
    async fn until_everybody_is_paid(&mut self, between: impl Fn(&Scratch)) -> Vec<i64> {
        let mut kills = 0;
        loop {
            let mut running = self.start().await;
            match self.kill_on_the_way(&mut running).await {
                Killed::Yes => kills += 1,
                Killed::No => break,
            }
            between(&self.folder);
            if kills % 4 == 0 {
                self.ledger.die().await;
            }
        }
        println!("{kills} kills, faults {:?}", self.ledger.network().met());
        assert!(kills > 5, "{kills} kills");
        let transfers = self.ledger.transfers().await;
        assert_eq!(transfers.len(), SALARIES);
        transfers.into_values().collect()
    }
}

enum Killed {
    Yes,
    No,
}

#[tokio::test]
async fn a_client_that_is_killed_again_and_again_and_keeps_its_keys_has_one_effect_a_call() {
    let mut payroll = Payroll::new().await;
    let paid = payroll.until_everybody_is_paid(|_| ()).await;
    assert!(paid.iter().all(|times| *times == 1), "{paid:?}");
    let files = fs::read_dir(payroll.folder.file("keys")).unwrap().map(|file| file.unwrap().path());
    // What a process was killed writing is nobody's key.
    let keys: Vec<_> = files.filter(|path| path.extension().is_none()).collect();
    assert_eq!(keys, Vec::<PathBuf>::new(), "no key is left of what is done");
}

#[tokio::test]
async fn a_client_that_is_killed_and_loses_its_keys_pays_twice() {
    let mut payroll = Payroll::new().await;
    let paid =
        payroll.until_everybody_is_paid(|folder| fs::remove_dir_all(folder.file("keys")).unwrap()).await;
    assert!(paid.iter().any(|times| *times > 1), "nobody was paid twice");
}
