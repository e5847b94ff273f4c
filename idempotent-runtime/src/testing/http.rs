//! One request over one connection, and its answer as it came over the wire.

use std::{io, net::SocketAddr};

use actix_web::http::StatusCode;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers, in the order they came in, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(named, _)| named == name).map(|(_, value)| value.as_str())
    }

    /// True for a replay: `Idempotent-Replayed: true`.
    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The body as text, with what is no UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of a refusal, such as `key_reused`.
    pub fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("code")?.as_str()?.to_owned())
    }
}

pub(super) struct Connection(TcpStream);

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection(stream))
    }

    /// Sends a request that asks for the end of the connection, and reads until that.
    pub(super) async fn exchange(mut self, request: &[u8]) -> io::Result<Reply> {
        self.0.write_all(request).await?;
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer).await?;
        parsed(&answer).ok_or_else(|| {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended before the response did")
        })
    }
}

fn parsed(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(answer.get(..end)?), answer.get(end + 4..)?);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut reply = Reply { status, headers, body: Vec::new() };
    reply.body = match (reply.header("transfer-encoding"), reply.header("content-length")) {
        (Some("chunked"), _) => dechunked(body)?,
        (_, Some(length)) => body.get(..length.parse().ok()?)?.to_vec(),
        _ => body.to_vec(),
    };
    Some(reply)
}

/// The chunks of a body, which is whole if the last of them is there.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?;
        let (chunk, after) =
            rest.get(line + 2..)?.split_at_checked(usize::from_str_radix(size.trim(), 16).ok()?)?;
        if chunk.is_empty() {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = after.get(2..)?;
    }
}
