//! HTTP/1.1 over a plain socket, so that a test can send what no client library would.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A response as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, with chunks put together.
    pub body: Vec<u8>,
}

impl Reply {
    /// Reply with an HTTP/1.1 status line and headers; the body is still to come.
    pub(crate) fn from_head(head: &[u8]) -> Option<Reply> {
        let mut lines = str::from_utf8(head).ok()?.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Reply { status, headers: lines.filter_map(header).collect(), body: Vec::new() })
    }

    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// True where this is a replay.
    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The `code` of a refusal, or the empty string.
    pub fn code(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        json.and_then(|json| Some(json.get("code")?.as_str()?.to_owned())).unwrap_or_default()
    }
}

/// The bytes of a POST with these header lines (each without its line end) and this body.
pub fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

impl Connection {
    /// Connects to a server.
    pub fn open(address: SocketAddr) -> Connection {
        Self::try_open(address).expect("the server is there")
    }

    /// Connects to a server, if it is there.
    pub fn try_open(address: SocketAddr) -> Option<Connection> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Connection { stream, read: Vec::new() })
    }

    /// The socket, to close it in whatever way.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a request and reads the response to it.
    pub fn exchange(&mut self, request: &[u8]) -> Reply {
        self.send(request);
        self.reply().expect("a whole response")
    }

    /// Reads one response. `None` where the connection ended before it did.
    pub fn reply(&mut self) -> Option<Reply> {
        let mut reply = Reply::from_head(&self.read_until(b"\r\n\r\n")?)?;
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.read_chunks()?;
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().ok()?;
            reply.body = self.read_exact(length)?;
        }
        Some(reply)
    }

    /// Reads what comes until the connection ends.
    pub fn rest(&mut self) -> Vec<u8> {
        let _ = self.stream.read_to_end(&mut self.read);
        std::mem::take(&mut self.read)
    }

    fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = String::from_utf8(self.read_until(b"\r\n")?).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            body.extend(self.read_exact(size)?);
            self.read_exact(2)?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let rest = self.read.split_off(at + end.len());
                let mut found = std::mem::replace(&mut self.read, rest);
                found.truncate(at);
                return Some(found);
            }
            self.fill()?;
        }
    }

    fn read_exact(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            self.fill()?;
        }
        let rest = self.read.split_off(length);
        Some(std::mem::replace(&mut self.read, rest))
    }

    fn fill(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) | Err(_) => None,
            Ok(read) => {
                self.read.extend_from_slice(&chunk[..read]);
                Some(())
            }
        }
    }
}
