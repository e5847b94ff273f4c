//! A TCP proxy that counts what clients send, and can lose it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::JoinHandle,
};

/// Point at which a connection is cut: the next message of a client that holds `text`.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Text in the message.
    pub text: &'static str,
    /// Way of the cut.
    pub how: How,
}

/// First byte of a notification of PostgreSQL.
const NOTIFICATION: u8 = b'A';

/// Way in which a connection is cut.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// It is closed, and the server does not get the message.
    Before,
    /// It is closed, and the server has got the message.
    After,
    /// The message does not arrive, the connection stays open, and this is called.
    Held(fn()),
}

/// Passes connections on to a port of this machine, for as long as it lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    behind: Arc<AtomicU16>,
    messages: Arc<AtomicUsize>,
    swallowed: Arc<AtomicUsize>,
    is_mute: Arc<AtomicBool>,
    cut: Arc<Mutex<Option<Cut>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy on a free port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (behind, messages, swallowed) = (Arc::new(AtomicU16::new(port)), Arc::default(), Arc::default());
        let (is_mute, cut) = (Arc::default(), Arc::default());
        let accepting = tokio::spawn(accept(
            listener,
            Arc::clone(&behind),
            Arc::clone(&messages),
            Arc::clone(&swallowed),
            Arc::clone(&is_mute),
            Arc::clone(&cut),
        ));
        Proxy { port: own, behind, messages, swallowed, is_mute, cut, accepting }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Number of times that a client has sent something after the server had its turn: round trips
    /// begun.
    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::SeqCst)
    }

    /// New connections lead to another port from now on; those that are open stay as they are.
    pub fn lead_to(&self, port: u16) {
        self.behind.store(port, Ordering::SeqCst);
    }

    /// Lets nothing pass any more, from now on, on the connections that are open, and they stay
    /// open. New ones work.
    pub fn swallow(&self) {
        self.swallowed.fetch_add(1, Ordering::SeqCst);
    }

    /// Loses notifications of PostgreSQL from now on.
    pub fn lose_notifications(&self) {
        self.is_mute.store(true, Ordering::SeqCst);
    }

    /// Cuts the connection that `cut` tells of, once.
    pub fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = Some(cut);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    behind: Arc<AtomicU16>,
    messages: Arc<AtomicUsize>,
    swallowed: Arc<AtomicUsize>,
    is_mute: Arc<AtomicBool>,
    cut: Arc<Mutex<Option<Cut>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", behind.load(Ordering::SeqCst))).await else {
            continue;
        };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let passes = {
            let (swallowed, born) = (Arc::clone(&swallowed), swallowed.load(Ordering::SeqCst));
            move || swallowed.load(Ordering::SeqCst) == born
        };
        let messages = Arc::clone(&messages);
        let (is_cut, cut) = (Arc::<AtomicBool>::default(), Arc::clone(&cut));
        let from_client_to_server = {
            let (passes, is_cut) = (passes.clone(), Arc::clone(&is_cut));
            move |message: &[u8]| {
                messages.fetch_add(1, Ordering::SeqCst);
                let cut = cut.lock().unwrap().take_if(|cut| holds(message, cut.text)).map(|cut| cut.how);
                is_cut.fetch_or(cut.is_some(), Ordering::SeqCst);
                match cut {
                    Some(How::Before) => Fate::End,
                    Some(How::Held(call)) => {
                        call();
                        Fate::IsLost
                    }
                    _ => Fate::of(passes()),
                }
            }
        };
        let is_mute = Arc::clone(&is_mute);
        let from_server_to_client = move |message: &[u8]| {
            let is_lost = message[0] == NOTIFICATION && is_mute.load(Ordering::SeqCst);
            if is_cut.load(Ordering::SeqCst) { Fate::End } else { Fate::of(passes() && !is_lost) }
        };
        tokio::spawn(pass(from_client, to_server, from_client_to_server));
        tokio::spawn(pass(from_server, to_client, from_server_to_client));
    }
}

fn holds(message: &[u8], text: &str) -> bool {
    message.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Fate of a message.
enum Fate {
    Passes,
    IsLost,
    /// It is lost, and the connection with it.
    End,
}

impl Fate {
    fn of(passes: bool) -> Self {
        if passes { Fate::Passes } else { Fate::IsLost }
    }
}

/// A message of less than a buffer's length arrives whole: it was written whole, on this machine.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fate: impl Fn(&[u8]) -> Fate) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        match fate(&buffer[..read]) {
            Fate::Passes if to.write_all(&buffer[..read]).await.is_ok() => {}
            Fate::IsLost => {}
            _ => break,
        }
    }
}
