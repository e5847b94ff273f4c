//! A bank whose process is killed at every point of a transfer.

use std::{collections::HashMap, env, net::SocketAddr, process::Stdio, sync::Mutex};

use futures_util::future::join_all;
use idempotent_tests::{Http1, Reply, post};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{bank::Bank, fixture::within};

const KILLS: usize = 50;
/// The same for messages, whose step goes the way of a handler.
const KILLS_OF_MESSAGES: usize = 8;
/// Points at which a request stops: before the claim, after it, in the handler before and after its
/// writes, before the commit arrives, after the commit and before the response, and during a
/// replay.
const POINTS: [&str; 7] = ["arrived", "claimed", "began", "written", "committing", "committed", "replaying"];
/// The same for a message. Nothing of the application's runs between its claim and its step.
const POINTS_OF_MESSAGES: [&str; 6] = ["arrived", "began", "written", "committing", "committed", "replaying"];

/// A process that serves transfers.
struct Teller {
    child: Child,
    path: &'static str,
    lines: Mutex<Option<Lines<BufReader<ChildStdout>>>>,
    address: SocketAddr,
}

impl Teller {
    async fn start(arguments: &[String]) -> Teller {
        let mut child = Command::new(env!("CARGO_BIN_EXE_teller"))
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = within(lines.next_line()).await.unwrap().expect("it serves").parse().unwrap();
        Teller { child, path: "/transfers", lines: Mutex::new(Some(lines)), address }
    }

    /// The same, which is asked at another path.
    async fn start_at(path: &'static str, arguments: &[String]) -> Teller {
        Teller { path, ..Teller::start(arguments).await }
    }

    /// The answer to a request that is sent again where the machine was too slow for the store.
    async fn ask(&self, key: &str) -> Reply {
        let request = post(self.path, &[&format!("Idempotency-Key: {key}")], b"");
        loop {
            let reply = within(Http1::once(self.address, &request)).await;
            if !is_to_be_sent_again(&reply) {
                return reply;
            }
        }
    }

    /// Sends a request that stops at `point`, and kills the process once it stands still there.
    async fn killed_at(self, point: &str, key: &str) {
        self.killed_on_a_way(point, key, "X-Way-None: ").await;
    }

    /// The same, for a request with one header more.
    async fn killed_on_a_way(mut self, point: &str, key: &str, way: &str) {
        let (stop, key) = (format!("X-Stop: {point}"), format!("Idempotency-Key: {key}"));
        let mut lines = self.lines.lock().unwrap().take().unwrap();
        loop {
            let mut connection = Http1::begin(self.address, &post(self.path, &[&stop, &key, way], b"")).await;
            tokio::select! {
                line = within(lines.next_line()) => {
                    assert_eq!(line.unwrap().as_deref(), Some("here"), "at {point}");
                    self.child.kill().await.unwrap();
                    assert_eq!(within(connection.reply()).await, None, "no answer");
                    return;
                }
                reply = connection.reply() => {
                    let reply = reply.expect("it stands still, or answers");
                    assert!(is_to_be_sent_again(&reply), "at {point}: {reply:?}");
                }
            }
        }
    }
}

fn is_to_be_sent_again(reply: &Reply) -> bool {
    reply.status == 503
}

/// Kills a process at every point of a transfer, again and again, and retries everything to its
/// end.
async fn every_transfer_happens_once(bank: Bank) {
    for point in POINTS {
        happens_once("/transfers", &bank.arguments, point, KILLS).await;
    }
    bank.has_made((KILLS * POINTS.len()) as i64).await;
}

/// The same for the transfers of messages.
async fn every_message_is_settled_once(bank: Bank) {
    for point in POINTS_OF_MESSAGES {
        happens_once("/messages", &bank.arguments, point, KILLS_OF_MESSAGES).await;
    }
    bank.has_made((KILLS_OF_MESSAGES * POINTS_OF_MESSAGES.len()) as i64).await;
}

async fn happens_once(path: &'static str, arguments: &[String], point: &str, kills: usize) {
    let keys: Vec<_> = (0..kills).map(|kill| format!("{point}-{kill}")).collect();
    let mut answers = HashMap::new();
    for key in &keys {
        let teller = Teller::start_at(path, arguments).await;
        if point == "replaying" {
            answers.insert(key, teller.ask(key).await.body);
        }
        teller.killed_at(point, key).await;
    }
    let teller = Teller::start_at(path, arguments).await;
    let replies = join_all(keys.iter().map(|key| teller.ask(key))).await;
    for (key, reply) in keys.iter().zip(replies) {
        assert_eq!(reply.status, 201, "{key}: {reply:?}");
        assert_eq!(answers.get(key).unwrap_or(&reply.body), &reply.body, "{key}");
        // What has been committed is replayed, and nothing else is.
        let had_happened = ["committed", "replaying"].contains(&point);
        assert_eq!(reply.is_replay(), had_happened, "{key}: {reply:?}");
        let again = teller.ask(key).await;
        assert_eq!((again.is_replay(), again.body), (true, reply.body), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_on_postgres_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_with_sea_orm_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::on_postgres_with("sea-orm").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_with_diesel_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::on_postgres_with("diesel").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_with_tokio_postgres_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::on_postgres_with("tokio-postgres").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_behind_a_pooler_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::behind_a_pooler().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_point_on_sqlite_leaves_everything_or_nothing() {
    every_transfer_happens_once(Bank::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_process_is_killed_at_any_point_on_postgres_leaves_everything_or_nothing() {
    every_message_is_settled_once(Bank::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_process_is_killed_at_any_point_behind_a_pooler_leaves_everything_or_nothing() {
    every_message_is_settled_once(Bank::behind_a_pooler().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_process_is_killed_at_any_point_on_sqlite_leaves_everything_or_nothing() {
    every_message_is_settled_once(Bank::on_sqlite().await).await;
}

/// Number of times that a process is killed on each way out: `WAYS_OUT=50 cargo test` for more than
/// a short run.
fn kills() -> usize {
    env::var("WAYS_OUT").map_or(3, |times| times.parse().unwrap())
}

/// Kills processes whose handlers end their transaction before they end: behind their writes, once
/// it has ended, and when the client has been refused. Then retries everything to its end.
async fn every_way_out_transfers_once(arguments: &[String], ways: &[&str]) -> i64 {
    let mut transfers = 0;
    for (number, way) in ways.iter().enumerate() {
        for point in ["written", "left", "refused"] {
            let keys: Vec<_> = (0..kills()).map(|kill| format!("way{number}-{point}-{kill}")).collect();
            for key in &keys {
                let way = format!("X-Way: {way}");
                Teller::start(arguments).await.killed_on_a_way(point, key, &way).await;
            }
            let teller = Teller::start(arguments).await;
            for reply in join_all(keys.iter().map(|key| teller.ask(key))).await {
                assert_eq!((reply.status, reply.is_replay()), (201, false), "{way}: {reply:?}");
                transfers += 1;
            }
        }
    }
    transfers
}

/// Kills processes whose handlers have committed, before they do so and once their client has been
/// refused. Then retries everything to its end.
async fn every_commit_of_a_handlers_own_stands_once(arguments: &[String], ways: &[&str]) -> i64 {
    let mut transfers = 0;
    for (number, way) in ways.iter().enumerate() {
        for (point, retry) in [("written", 201), ("refused", 409)] {
            let keys: Vec<_> = (0..kills()).map(|kill| format!("own{number}-{point}-{kill}")).collect();
            for key in &keys {
                let way = format!("X-Way: {way}");
                Teller::start(arguments).await.killed_on_a_way(point, key, &way).await;
            }
            let teller = Teller::start(arguments).await;
            for reply in join_all(keys.iter().map(|key| teller.ask(key))).await {
                assert_eq!(reply.status, retry, "{way}: {reply:?}");
                transfers += 1;
            }
        }
    }
    transfers
}

/// Statement of a handler that has not noticed that its transaction has ended.
const AND_ON: &str = "INSERT INTO transfers VALUES ('{key}')";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_on_every_way_out_on_sqlite_leaves_everything_or_nothing() {
    let bank = Bank::on_sqlite().await;
    bank.execute(ENDING_TABLES).await;
    let ways = [
        "ROLLBACK",
        "INSERT INTO once VALUES ('taken')",
        "INSERT OR ROLLBACK INTO plain VALUES ('taken')",
        "INSERT INTO plain VALUES ('thrown')",
        "PRAGMA max_page_count = 1;INSERT INTO once VALUES (hex(zeroblob(1000000)));PRAGMA max_page_count = 100000",
    ];
    let ways = ways.map(|way| format!("{way};{AND_ON};BEGIN;{AND_ON};COMMIT"));
    let ways = ways.each_ref().map(String::as_str);
    let mut transfers = every_way_out_transfers_once(&bank.arguments, &ways).await;
    let commits = [format!("COMMIT;{AND_ON};BEGIN;{AND_ON};COMMIT")];
    transfers += every_commit_of_a_handlers_own_stands_once(&bank.arguments, &[&commits[0]]).await;
    bank.has_made(transfers).await;
}

/// Tables on which SQLite ends transactions.
const ENDING_TABLES: &str = "CREATE TABLE once (key text PRIMARY KEY ON CONFLICT ROLLBACK); \
     INSERT INTO once VALUES ('taken'); \
     CREATE TABLE plain (key text PRIMARY KEY); INSERT INTO plain VALUES ('taken'); \
     CREATE TRIGGER thrown BEFORE INSERT ON plain WHEN new.key = 'thrown' \
     BEGIN SELECT RAISE(ROLLBACK, 'thrown'); END";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_on_every_way_out_on_postgres_leaves_everything_or_nothing() {
    let bank = Bank::on_postgres().await;
    let begun = format!("ROLLBACK;BEGIN;{AND_ON}");
    let ways = ["ROLLBACK", "ROLLBACK AND CHAIN", "SELECT 1/0;ROLLBACK", begun.as_str()];
    let mut transfers = every_way_out_transfers_once(&bank.arguments, &ways).await;
    let commits = ["COMMIT".to_owned(), format!("COMMIT;BEGIN;{AND_ON}")];
    let commits = commits.each_ref().map(String::as_str);
    transfers += every_commit_of_a_handlers_own_stands_once(&bank.arguments, &commits).await;
    bank.has_made(transfers).await;
}
