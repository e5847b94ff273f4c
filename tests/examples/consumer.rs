//! `consumer`, of which two run on one queue and are killed again and again.
//!
//! `CONSUMER_MESSAGES=2000 CONSUMER_KILLS=50 cargo test` for more than a short run.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use idempotent_runtime::store::Token;
use idempotent_tests::{postgres::Schema, program::command, stores::database_url};

/// Time in which the consumers have to be done with everything that was published.
const TIMEOUT: Duration = Duration::from_secs(240);

fn setting(name: &str, default: u32) -> u32 {
    env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// A queue of its own, and a schema for its payments. The queue is deleted with it.
struct Broker {
    queue: String,
    schema: Schema,
    settings: Vec<(&'static str, &'static str)>,
}

impl Broker {
    async fn new(settings: &[(&'static str, &'static str)]) -> Broker {
        let schema = Schema::new().await;
        let random = u128::from_be_bytes(*Token::random().unwrap().as_bytes());
        let broker = Broker { queue: format!("test-{random:032x}"), schema, settings: settings.to_vec() };
        assert_eq!(broker.left(), "0 left, 0 put aside");
        broker
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("consumer");
        command.args(arguments).envs(self.settings.iter().copied());
        command
            .env("QUEUE", &self.queue)
            .env("SCHEMA", &self.schema.name)
            .env("DATABASE_URL", database_url());
        command
    }

    /// Output of a command of the program.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn left(&self) -> String {
        self.told(&["left"])
    }

    /// Publishes so many messages one to three times, by three publishers at once.
    fn publish_one_to_three_times(&self, messages: u32) {
        thread::scope(|scope| {
            for count in [messages, messages * 2 / 3, messages / 3] {
                scope.spawn(move || self.told(&["publish", &count.to_string()]));
            }
        });
    }

    /// Starts a consumer, and returns when it consumes.
    fn consumer(&self) -> Consumer {
        let mut child = self.command(&[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("Consuming")), "it does not consume");
        Consumer(child)
    }

    async fn number(&self, sql: &str) -> u32 {
        u32::try_from(self.schema.number(sql).await).unwrap()
    }

    async fn rows(&self) -> u32 {
        self.number("SELECT count(*) FROM {}.payments").await
    }

    /// Number of messages that have a row.
    async fn settled(&self) -> u32 {
        self.number("SELECT count(DISTINCT message_id) FROM {}.payments").await
    }

    /// Number of keys whose value is recorded.
    async fn records(&self) -> u32 {
        self.number("SELECT count(*) FROM {}.keys WHERE state = 'd'").await
    }

    /// Two consumers, one of which is killed at a random moment, so many times. Then waits until
    /// all is done.
    async fn consumed_under_kills(&self, messages: u32, kills: u32) {
        let mut consumers = [self.consumer(), self.consumer()];
        // From here on each has payments under way.
        while self.settled().await == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        for kill in 0..kills {
            let random = Token::random().unwrap().as_bytes()[0];
            thread::sleep(Duration::from_millis(20 + u64::from(random)));
            consumers[(kill % 2) as usize] = self.consumer();
        }
        let until = Instant::now() + TIMEOUT;
        while self.settled().await < messages || !self.left().starts_with("0 left") {
            assert!(Instant::now() < until, "{} settled, {}", self.settled().await, self.left());
            thread::sleep(Duration::from_millis(100));
        }
        consumers.into_iter().for_each(Consumer::end);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.command(&["delete"]).output();
    }
}

/// A running consumer; killed (`kill -9`) when dropped.
struct Consumer(Child);

impl Consumer {
    /// Tells it to end, and waits until it has.
    fn end(mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_are_killed_settle_each_payment_once() {
    let (messages, kills) = (setting("CONSUMER_MESSAGES", 200), setting("CONSUMER_KILLS", 5));
    let broker = Broker::new(&[("SETTLING_TAKES_MS", "50")]).await;
    broker.publish_one_to_three_times(messages);
    broker.consumed_under_kills(messages, kills).await;
    assert_eq!(broker.left(), "0 left, 0 put aside", "nothing is left unacknowledged");
    assert_eq!((broker.rows().await, broker.settled().await), (messages, messages), "one row a message");
    assert_eq!(broker.records().await, messages, "rows and records agree");
    let others = broker.number("SELECT count(*) FROM {}.keys WHERE state <> 'd'").await;
    let again = broker.number("SELECT count(*) FROM {}.keys WHERE attempt > 1").await;
    println!("{messages} messages, {kills} kills, {others} keys without a record, {again} run again");
    assert_eq!(others, 0);
    assert!(again > 0, "no kill has met a payment under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_without_once_settle_payments_twice() {
    const MESSAGES: u32 = 60;
    let broker = Broker::new(&[("WITHOUT_ONCE", "1")]).await;
    broker.publish_one_to_three_times(MESSAGES);
    broker.consumed_under_kills(MESSAGES, 1).await;
    let rows = broker.rows().await;
    println!("{rows} rows of {MESSAGES} messages");
    assert!(rows >= 2 * MESSAGES - 1, "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_names_two_payments_is_put_aside() {
    let broker = Broker::new(&[]).await;
    let consumer = broker.consumer();
    broker.told(&["publish", "1"]);
    broker.told(&["publish", "1", "700"]);
    let until = Instant::now() + TIMEOUT;
    while broker.left() != "0 left, 1 put aside" {
        assert!(Instant::now() < until, "{}", broker.left());
    }
    consumer.end();
    assert_eq!((broker.rows().await, broker.records().await), (1, 1));
}
