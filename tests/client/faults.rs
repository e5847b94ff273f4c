//! A network between a client and a server, which loses and delays what it carries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// Fate of a connection's request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing.
    None,
    /// It is lost, and the connection with it.
    Lost,
    /// The server has it, but its answer is lost.
    Answer,
    /// The answer breaks off.
    HalfAnswer,
    /// It waits a while.
    Late,
    /// A gateway refuses it.
    Refused,
}

const FAULTS: [Fault; 5] = [Fault::Lost, Fault::Answer, Fault::HalfAnswer, Fault::Late, Fault::Refused];

/// Leads to a server, whose port may change; a share of what is sent meets a fault.
pub(crate) struct Network {
    port: u16,
    behind: Arc<AtomicU16>,
    met: Arc<[AtomicUsize; FAULTS.len()]>,
    accepting: JoinHandle<()>,
}

impl Network {
    /// One request in `one_in` meets a fault.
    pub(crate) async fn to(port: u16, one_in: usize) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (behind, met) = (Arc::new(AtomicU16::new(port)), Arc::<[AtomicUsize; FAULTS.len()]>::default());
        let (to, counted) = (Arc::clone(&behind), Arc::clone(&met));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, Arc::clone(&to), Arc::clone(&counted), one_in));
            }
        });
        Network { port: own, behind, met, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.behind.store(port, SeqCst);
    }

    /// Number of requests that have met each of the faults.
    pub(crate) fn met(&self) -> Vec<usize> {
        self.met.iter().map(|met| met.load(SeqCst)).collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn draw(one_in: usize, met: &[AtomicUsize; FAULTS.len()]) -> Fault {
    if fastrand::usize(..one_in) > 0 {
        return Fault::None;
    }
    let number = fastrand::usize(..FAULTS.len());
    met[number].fetch_add(1, SeqCst);
    FAULTS[number]
}

/// Carries one connection. Requests and answers of the test are written whole and short, so each is
/// one message. A connection ends with its first fault.
async fn carry(
    mut client: TcpStream,
    behind: Arc<AtomicU16>,
    met: Arc<[AtomicUsize; FAULTS.len()]>,
    one_in: usize,
) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", behind.load(SeqCst))).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let request = message(&mut client).await?;
        let fault = draw(one_in, &met);
        match fault {
            Fault::Lost => return None,
            Fault::Refused => {
                let refusal = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                return client.write_all(refusal).await.ok();
            }
            Fault::Late => sleep(Duration::from_millis(fastrand::u64(1..150))).await,
            _ => {}
        }
        server.write_all(&request).await.ok()?;
        let answer = message(&mut server).await?;
        match fault {
            Fault::Answer => return None,
            Fault::HalfAnswer => {
                return client.write_all(&answer[..fastrand::usize(1..answer.len())]).await.ok();
            }
            _ => client.write_all(&answer).await.ok()?,
        }
    }
}

async fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut buffer = Vec::with_capacity(16 << 10);
    let read = from.read_buf(&mut buffer).await.ok()?;
    (read > 0).then_some(buffer)
}
