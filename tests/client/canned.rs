//! A server that answers as it is told, and remembers what it was sent.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use idempotent_client::{Builder, Idempotent};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};

/// A request as it came, and when.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) at: Instant,
}

impl Seen {
    pub(crate) fn key(&self) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix("idempotency-key: "))
    }
}

/// Answers one request per connection, with the next of its answers each time, and closes the
/// connection. An empty answer is none.
pub(crate) struct Canned {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    answering: JoinHandle<()>,
}

impl Canned {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = impl Into<String>>) -> Canned {
        let mut answers: VecDeque<String> = answers.into_iter().map(Into::into).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let to = Arc::clone(&seen);
        let answering = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let text = request(&mut client).await;
                to.lock().unwrap().push(Seen { text, at: Instant::now() });
                let answer = answers.pop_front().unwrap_or_else(|| plain(200, "", "late"));
                client.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Canned { port, seen, answering }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/order", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Time from each request to the next one.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.seen().windows(2).map(|pair| pair[1].at - pair[0].at).collect()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

async fn request(client: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"the body") && client.read_buf(&mut text).await.unwrap() > 0 {}
    String::from_utf8(text).unwrap()
}

/// An answer with these header lines, each of which ends in CRLF.
pub(crate) fn plain(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A problem of the contract's.
pub(crate) fn problem(status: u16, code: &str, retryable: bool) -> String {
    let body = format!(r#"{{"status":{status},"code":"{code}","retryable":{retryable}}}"#);
    plain(status, "Content-Type: application/problem+json\r\n", &body)
}

/// The same answer, but of unknown length.
pub(crate) fn chunked(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (head, _) = head.split_once("Content-Length").unwrap();
    format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// Settings with pauses that a test need not wait for.
pub(crate) fn brisk() -> Builder {
    Idempotent::builder().backoff(Duration::from_millis(1), Duration::from_millis(20))
}

pub(crate) fn client(settings: Builder) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap()).with(settings.build()).build()
}

/// Sends the body that a canned server waits for.
pub(crate) async fn send(settings: Builder, to: &Canned) -> reqwest_middleware::Result<reqwest::Response> {
    client(settings).post(to.url()).body("the body").send().await
}
