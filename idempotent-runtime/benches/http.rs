//! Throughput over real HTTP: the attribute against the bare handler, and against what is written by hand.
//!
//! The server is a process of its own with one worker, on one core; the load comes from another core. The variants take
//! turns in every round, so that what disturbs the machine disturbs all of them. Beside the throughput stands the
//! processor time that the server spent on a request, which other processes disturb least.
//!
//! `BENCH_ROUNDS` (7), `BENCH_MILLIS` (1000) and `BENCH_CONNECTIONS` (32) change the measurement; `BENCH_ONLY` names the
//! one variant to run beside the bare handler.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod orders;

use std::{
    cell::Cell,
    env, fs, io,
    io::BufRead,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::{App, HttpServer, rt, web};
use idempotent_runtime::{Idempotency, MemoryStore};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SERVER: &str = "IDEMPOTENT_BENCH_SERVER";
const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";

fn setting(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn main() -> io::Result<()> {
    if env::var_os(SERVER).is_some() {
        return rt::System::new().block_on(serve());
    }
    let (mut server, address) = start_server()?;
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-pc", CLIENT_CORE, &own]).stdout(Stdio::null()).status();
    if !pinned.is_ok_and(|status| status.success()) {
        println!("taskset is missing: server and load share their cores");
    }
    let measured = rt::System::new().block_on(measure(address, server.id()));
    server.kill()?;
    server.wait()?;
    measured
}

async fn serve() -> io::Result<()> {
    let store = MemoryStore::builder().budget(16 << 30).build();
    let idempotency = Idempotency::builder().store(store).build().map_err(io::Error::other)?;
    let orders = web::Data::new(orders::Orders::default());
    let answers = web::Data::new(orders::answers());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(idempotency.clone())
            .app_data(orders.clone())
            .app_data(answers.clone())
            .configure(orders::routes)
    });
    let server = server.workers(1).bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0]);
    server.run().await
}

fn start_server() -> io::Result<(Child, SocketAddr)> {
    let program = env::current_exe()?;
    let spawn = |command: &mut Command| command.env(SERVER, "1").stdout(Stdio::piped()).spawn();
    let pinned = spawn(Command::new("taskset").args(["-c", SERVER_CORE]).arg(&program));
    let mut server = pinned.or_else(|_| spawn(&mut Command::new(&program)))?;
    let mut line = String::new();
    io::BufReader::new(server.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
    let address = line.trim().parse().map_err(io::Error::other)?;
    Ok((server, address))
}

/// How keys are chosen.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// Never the same twice.
    Fresh,
    /// Over and over the same `KNOWN` keys.
    Known,
    /// One.
    Hot,
}

const KNOWN: u64 = 10_000;

fn wanted(variant: &Variant) -> bool {
    let only = env::var("BENCH_ONLY");
    variant.path == "/bare" || only.is_err() || only.as_deref() == Ok(variant.name)
}

struct Variant {
    name: &'static str,
    path: &'static str,
    keys: Keys,
}

const VARIANTS: [Variant; 6] = [
    Variant { name: "bare handler", path: "/bare", keys: Keys::Fresh },
    Variant { name: "first execution", path: "/annotated", keys: Keys::Fresh },
    Variant { name: "replay", path: "/annotated", keys: Keys::Known },
    Variant { name: "replay of one hot key", path: "/annotated", keys: Keys::Hot },
    Variant { name: "first, moka by hand", path: "/by_hand", keys: Keys::Fresh },
    Variant { name: "replay, moka by hand", path: "/by_hand", keys: Keys::Known },
];

/// What one variant did in one round.
#[derive(Clone, Copy)]
struct Sample {
    per_second: f64,
    server_micros: f64,
}

async fn measure(address: SocketAddr, server: u32) -> io::Result<()> {
    let connections = setting("BENCH_CONNECTIONS", 32);
    let time = Duration::from_millis(setting("BENCH_MILLIS", 1000) as u64);
    let rounds = setting("BENCH_ROUNDS", 7);
    let serial = Rc::new(Cell::new(1_000_000_000));
    for variant in VARIANTS.iter().filter(|variant| variant.keys != Keys::Fresh) {
        let preload = Load { address, path: variant.path, keys: Keys::Known, serial: Rc::default() };
        preload.connection(Until::Count(KNOWN)).await?;
    }
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); VARIANTS.len()];
    for round in 0..=rounds {
        for (variant, samples) in VARIANTS.iter().zip(&mut samples).filter(|(variant, _)| wanted(variant)) {
            let load = Load { address, path: variant.path, keys: variant.keys, serial: serial.clone() };
            let sample = load.run(connections, time, server).await?;
            // The first round warms up.
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    print(&samples, connections, time);
    Ok(())
}

struct Load {
    address: SocketAddr,
    path: &'static str,
    keys: Keys,
    serial: Rc<Cell<u64>>,
}

#[derive(Clone, Copy)]
enum Until {
    Instant(Instant),
    Count(u64),
}

impl Load {
    async fn run(self, connections: usize, time: Duration, server: u32) -> io::Result<Sample> {
        let load = Rc::new(self);
        let (cpu, started) = (cpu_time(server), Instant::now());
        let connection = |_| {
            let load = Rc::clone(&load);
            rt::spawn(async move { load.connection(Until::Instant(started + time)).await })
        };
        let tasks: Vec<_> = (0..connections).map(connection).collect();
        // The load's core never sleeps: waking it would cost the server the more, the slower the server is.
        let awake = rt::spawn(async {
            loop {
                tokio::task::yield_now().await
            }
        });
        let mut done = 0;
        for task in tasks {
            done += task.await.map_err(io::Error::other)??;
        }
        awake.abort();
        let taken = started.elapsed();
        let cpu = cpu_time(server).saturating_sub(cpu);
        Ok(Sample {
            per_second: done as f64 / taken.as_secs_f64(),
            server_micros: cpu.as_secs_f64() * 1e6 / done as f64,
        })
    }

    /// Sends one request after another on one connection, and counts them.
    async fn connection(&self, until: Until) -> io::Result<u64> {
        const KEY: usize = 36;
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: idempotent-bench/0.1\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nIdempotency-Key: ",
            self.path,
            self.address,
            orders::BODY.len()
        );
        let key_at = head.len();
        let mut request = [head.as_bytes(), &[b'-'; KEY], b"\r\n\r\n", orders::BODY].concat();
        let mut read = vec![0; 4096];
        let mut done = 0;
        loop {
            match until {
                Until::Instant(end) if Instant::now() >= end => return Ok(done),
                Until::Count(count) if done == count => return Ok(done),
                _ => {}
            }
            let key = self.next_key();
            request[key_at..key_at + KEY].copy_from_slice(format!("{key:036}").as_bytes());
            stream.write_all(&request).await?;
            response(&mut stream, &mut read).await?;
            done += 1;
        }
    }

    fn next_key(&self) -> u64 {
        let serial = self.serial.get();
        self.serial.set(serial + 1);
        match self.keys {
            Keys::Fresh => serial,
            Keys::Known => serial % KNOWN,
            Keys::Hot => 0,
        }
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

/// What all threads of a process have spent on a processor; zero where the system does not tell.
fn cpu_time(process: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Duration::ZERO };
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn print(samples: &[Vec<Sample>], connections: usize, time: Duration) {
    let rounds = samples[0].len();
    println!("{connections} connections, {rounds} rounds of {time:?} each, one worker on one core; medians");
    println!("{:<24} {:>10} {:>8} {:>12} {:>8}", "", "requests/s", "to bare", "server µs", "to bare");
    for (variant, of_variant) in VARIANTS.iter().zip(samples).filter(|(_, samples)| !samples.is_empty()) {
        let per_second = median(of_variant.iter().map(|sample| sample.per_second));
        let micros = median(of_variant.iter().map(|sample| sample.server_micros));
        // Ratios within a round, so that a round that was disturbed as a whole does not count.
        let pairs = || of_variant.iter().zip(&samples[0]);
        let faster = median(pairs().map(|(sample, bare)| sample.per_second / bare.per_second));
        let cheaper = median(pairs().map(|(sample, bare)| bare.server_micros / sample.server_micros));
        println!("{:<24} {per_second:>10.0} {faster:>8.2} {micros:>12.2} {cheaper:>8.2}", variant.name);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
