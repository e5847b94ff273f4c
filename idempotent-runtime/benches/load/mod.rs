//! The load of the benchmarks over HTTP: one request after another on each connection.

use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::rt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Requests of one kind to one server.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    pub(crate) body: &'static [u8],
    /// Makes a key of the number of the request.
    pub(crate) key: fn(u64) -> u64,
    pub(crate) serial: Rc<Cell<u64>>,
}

impl Load {
    /// Sends over so many connections for so long, and counts the requests and the time they took.
    pub(crate) async fn run(self, connections: usize, time: Duration) -> io::Result<(u64, Duration)> {
        let (load, started) = (Rc::new(self), Instant::now());
        let connection = |_| {
            let load = Rc::clone(&load);
            rt::spawn(async move { load.connection(|_| started.elapsed() >= time).await })
        };
        let tasks: Vec<_> = (0..connections).map(connection).collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.map_err(io::Error::other)??;
        }
        Ok((done, started.elapsed()))
    }

    /// Sends one request after another on one connection and counts them, until `ends` is true of
    /// their number.
    pub(crate) async fn connection(&self, ends: impl Fn(u64) -> bool) -> io::Result<u64> {
        const KEY: usize = 36;
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: idempotent-bench/0.1\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nIdempotency-Key: ",
            self.path,
            self.address,
            self.body.len()
        );
        let key_at = head.len();
        let mut request = [head.as_bytes(), &[b'-'; KEY], b"\r\n\r\n", self.body].concat();
        let mut read = vec![0; 4096];
        let mut done = 0;
        while !ends(done) {
            let key = self.next_key();
            request[key_at..key_at + KEY].copy_from_slice(format!("{key:036}").as_bytes());
            stream.write_all(&request).await?;
            response(&mut stream, &mut read).await?;
            done += 1;
        }
        Ok(done)
    }

    fn next_key(&self) -> u64 {
        let serial = self.serial.get();
        self.serial.set(serial + 1);
        (self.key)(serial)
    }
}

/// Reads one response of a known length, which has to be a 201.
async fn response(stream: &mut TcpStream, read: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    loop {
        match stream.read(&mut read[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
        let text = &read[..filled];
        let Some(head) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if !text.starts_with(b"HTTP/1.1 201") {
            return Err(io::Error::other(String::from_utf8_lossy(text).into_owned()));
        }
        if filled >= head + 4 + content_length(&text[..head]).ok_or(io::ErrorKind::InvalidData)? {
            return Ok(());
        }
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length: ";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let digits = head[at + NAME.len()..].split(|&byte| byte == b'\r').next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}
