//! Clients that wait without a thread: HTTP/1.1 over a socket, and HTTP/2 with prior knowledge.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use crate::Reply;

/// One HTTP/1.1 connection.
#[derive(Debug)]
pub struct Http1 {
    stream: TcpStream,
    read: BytesMut,
}

impl Http1 {
    /// Connects to a server.
    pub async fn open(address: SocketAddr) -> Http1 {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Http1 { stream, read: BytesMut::new() }
    }

    /// Connects to a server, if it is there.
    pub async fn try_open(address: SocketAddr) -> Option<Http1> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Http1 { stream, read: BytesMut::new() })
    }

    /// Sends bytes, if the server still takes them.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a request and reads the response to it.
    pub async fn exchange(&mut self, request: &[u8]) -> Reply {
        self.send(request).await;
        self.reply().await.expect("a whole response")
    }

    /// Sends a request on a connection of its own and reads the response to it.
    pub async fn once(address: SocketAddr, request: &[u8]) -> Reply {
        Http1::open(address).await.exchange(request).await
    }

    /// Sends a request on a connection of its own, on which its response will come.
    pub async fn begin(address: SocketAddr, request: &[u8]) -> Http1 {
        let mut connection = Http1::open(address).await;
        connection.send(request).await;
        connection
    }

    /// Reads one response. `None` where the connection ended before it did.
    pub async fn reply(&mut self) -> Option<Reply> {
        let mut reply = Reply::from_head(&self.read_until(b"\r\n\r\n").await?)?;
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.read_chunks().await?;
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().ok()?;
            reply.body = self.read_exact(length).await?.to_vec();
        }
        Some(reply)
    }

    /// Closes with a reset: what is on its way is lost.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    async fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until(b"\r\n").await?;
            let size = usize::from_str_radix(str::from_utf8(&line).ok()?.trim(), 16).ok()?;
            body.extend_from_slice(&self.read_exact(size).await?);
            self.read_exact(2).await?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    async fn read_until(&mut self, end: &[u8]) -> Option<BytesMut> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let mut found = self.read.split_to(at + end.len());
                found.truncate(at);
                return Some(found);
            }
            self.fill().await?;
        }
    }

    async fn read_exact(&mut self, length: usize) -> Option<BytesMut> {
        while self.read.len() < length {
            self.fill().await?;
        }
        Some(self.read.split_to(length))
    }

    async fn fill(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// One HTTP/2 connection; a clone sends on the same one.
#[derive(Clone, Debug)]
pub struct Http2 {
    send: h2::client::SendRequest<Bytes>,
    authority: SocketAddr,
}

impl Http2 {
    /// Connects to a server that speaks HTTP/2 without being asked to. The task moves the bytes.
    pub async fn open(address: SocketAddr) -> (Http2, JoinHandle<()>) {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let moving = tokio::spawn(async move {
            let _ = connection.await;
        });
        (Http2 { send, authority: address }, moving)
    }

    /// Sends a POST; what comes back can be awaited, or reset.
    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Http2Exchange {
        let mut request = http::Request::post(format!("http://{}{path}", self.authority))
            .header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut send = self.send.clone().ready().await.unwrap();
        let (response, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(body, true).unwrap();
        Http2Exchange { response, stream }
    }

    /// Sends a POST and reads the response to it.
    pub async fn exchange(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        self.send(path, headers, body).await.reply().await.expect("a whole response")
    }
}

/// A request on its way, and the response to it.
#[derive(Debug)]
pub struct Http2Exchange {
    response: h2::client::ResponseFuture,
    stream: h2::SendStream<Bytes>,
}

impl Http2Exchange {
    /// Reads the response. `None` where the stream ended before it did.
    pub async fn reply(self) -> Option<Reply> {
        let (head, mut body) = self.response.await.ok()?.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let mut reply = Reply { status: head.status.as_u16(), headers, body: Vec::new() };
        while let Some(chunk) = body.data().await {
            let chunk = chunk.ok()?;
            let _ = body.flow_control().release_capacity(chunk.len());
            reply.body.extend_from_slice(&chunk);
        }
        Some(reply)
    }

    /// Resets the stream.
    pub fn reset(mut self) {
        self.stream.send_reset(h2::Reason::CANCEL);
    }
}
