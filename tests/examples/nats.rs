//! `nats`, whose consumer is killed again and again.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use idempotent_runtime::store::Token;
use idempotent_tests::{program::command, scratch::Scratch};
use sqlx::SqlitePool;

/// Time in which the consumer has to be done with everything that was published.
const TIMEOUT: Duration = Duration::from_secs(120);
const MESSAGES: i64 = 60;
const KILLS: usize = 3;

/// A stream of its own, and a file for its payments. The stream is deleted with it.
struct Stream {
    name: String,
    folder: Scratch,
}

impl Stream {
    fn new() -> Stream {
        let random = u128::from_be_bytes(*Token::random().unwrap().as_bytes());
        Stream { name: format!("TEST{random:032X}"), folder: Scratch::new() }
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.folder.file("payments.db").display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("nats");
        command.args(arguments).env("STREAM", &self.name).env("STORE", self.store());
        command
    }

    fn publish(&self, count: i64) {
        let output = self.command(&["publish", &count.to_string()]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts a consumer. Gives it and the lines that it prints, of which each is a verdict.
    fn consumer(&self) -> (Consumer, impl Iterator<Item = String> + use<>) {
        let mut child = self.command(&[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("Consuming")), "it does not consume");
        (Consumer(child), lines)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.command(&["delete"]).output();
    }
}

/// A running consumer; killed (`kill -9`) when dropped.
struct Consumer(Child);

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_consumer_of_jetstream_that_is_killed_settles_each_payment_once() {
    let stream = Stream::new();
    stream.publish(MESSAGES);
    for _ in 0..KILLS {
        let (killed, mut verdicts) = stream.consumer();
        assert!(verdicts.by_ref().take(5).all(|line| line.ends_with("Ack")));
        drop(killed);
    }
    let (_consumer, verdicts) = stream.consumer();
    thread::spawn(move || verdicts.for_each(drop));
    let payments = SqlitePool::connect(&stream.store()).await.unwrap();
    let number =
        async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&payments).await.unwrap();
    let until = Instant::now() + TIMEOUT;
    while number("SELECT count(DISTINCT message_id) FROM payments").await < MESSAGES {
        assert!(Instant::now() < until, "{}", number("SELECT count(*) FROM payments").await);
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(number("SELECT count(*) FROM payments").await, MESSAGES);
}
