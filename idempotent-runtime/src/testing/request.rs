//! A request that is sent with one key and another.

use std::{fmt, io, time::Duration};

use actix_web::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    http::{Connection, Reply},
    server::Server,
};

/// Time within which an answer has to come.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A request to the endpoint that is tested. Made by [`Server::post`] and [`Server::request`].
#[derive(Clone, Debug)]
pub struct Request<'a> {
    server: &'a Server,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    other_body: Option<Vec<u8>>,
    pub(super) key_header: String,
    pub(super) concurrency: usize,
    pub(super) needs_key: bool,
    pub(super) ignored: Vec<String>,
    pub(super) reused: Vec<StatusCode>,
}

impl Server {
    /// A POST to `path`, which may have a query.
    pub fn post(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// A request to `path`, which may have a query.
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request::new(self, method, path.into())
    }
}

impl<'a> Request<'a> {
    fn new(server: &'a Server, method: Method, path: String) -> Self {
        Request {
            server,
            method,
            path,
            headers: Vec::new(),
            body: Vec::new(),
            other_body: None,
            key_header: "Idempotency-Key".to_owned(),
            concurrency: 16,
            needs_key: true,
            ignored: Vec::new(),
            reused: vec![StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY],
        }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// With a body of any kind.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body that has to be refused with the key of the first one. If not set it is the first
    /// one, and a little more: where a fingerprint of the application's own does not look at that,
    /// set it.
    #[must_use]
    pub fn other_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.other_body = Some(body.into());
        self
    }

    /// The name of the header that holds the key, where it is not `Idempotency-Key`.
    #[must_use]
    pub fn key_header(mut self, name: impl Into<String>) -> Self {
        self.key_header = name.into();
        self
    }

    /// Number of requests with one key that are sent at the same time; 16 if not set, at least 2.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(2);
        self
    }

    /// The endpoint works without a key too (`required = false`).
    #[must_use]
    pub fn key_is_optional(mut self) -> Self {
        self.needs_key = false;
        self
    }

    /// A response header that middleware sets anew on every response, replays too: it may differ.
    #[must_use]
    pub fn ignore_header(mut self, name: &str) -> Self {
        self.ignored.push(name.to_ascii_lowercase());
        self
    }

    /// The status by which a `problem_format` of the application's own refuses a key that was used
    /// with another request; 409 or 422 if not set.
    #[must_use]
    pub fn reused_status(mut self, status: StatusCode) -> Self {
        self.reused = vec![status];
        self
    }

    /// Sends it once.
    ///
    /// # Errors
    /// If there is no answer within 60 seconds, or none at all.
    pub async fn send(&self, key: Option<&str>) -> io::Result<Reply> {
        self.exchange(self.connect().await?, key).await
    }

    /// Sends it as often as `concurrency` says at the same time, with one key.
    pub(super) async fn send_at_once(&self, key: &str) -> io::Result<Vec<Reply>> {
        // Nothing is sent before everybody is connected.
        let connected: io::Result<Vec<_>> =
            join_all((0..self.concurrency).map(|_| self.connect())).await.into_iter().collect();
        let sent = connected?.into_iter().map(|connection| self.exchange(connection, Some(key)));
        join_all(sent).await.into_iter().collect()
    }

    /// The same request, but for its body.
    pub(super) fn another(&self) -> Self {
        let body = self.other_body.clone().unwrap_or_else(|| another_body(&self.body));
        Request { body, ..self.clone() }
    }

    async fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.server.address()?).await
    }

    async fn exchange(&self, connection: Connection, key: Option<&str>) -> io::Result<Reply> {
        let Ok(reply) = timeout(ANSWER_TIMEOUT, connection.exchange(&self.bytes(key))).await else {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 60 seconds"));
        };
        reply
    }

    fn bytes(&self, key: Option<&str>) -> Vec<u8> {
        let Request { method, path, body, .. } = self;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        let key = key.map(|key| (self.key_header.as_str(), key));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.chain(key) {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }
}

/// The endpoint, in the words of a report.
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A key that has never been used.
pub(super) fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// A body that says something else: JSON has a member more, a form a field more, and any other body
/// a letter.
fn another_body(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut object)) => {
            object.insert("another".to_owned(), Value::from(1));
            Value::Object(object).to_string().into_bytes()
        }
        Ok(value) => Value::from(vec![value]).to_string().into_bytes(),
        Err(_) => [body, b"&another=1"].concat(),
    }
}
