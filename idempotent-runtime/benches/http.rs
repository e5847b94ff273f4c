//! Throughput over real HTTP: the attribute against the bare handler, and against a handler that
//! does the same by hand.
//!
//! The server is a process of its own with one worker, on one core; the load comes from another
//! core. The variants take turns in every round, so that a disturbance of the machine disturbs all
//! of them. Beside the throughput stands the processor time that the server spent per request,
//! which other processes disturb least.
//!
//! `BENCH_ROUNDS` (7), `BENCH_MILLIS` (1000) and `BENCH_CONNECTIONS` (32) change the measurement;
//! `BENCH_ONLY` names the one variant to run beside the bare handler.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod load;
mod measured;
mod orders;

use std::{
    cell::Cell,
    env, fs, io,
    io::BufRead,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::Duration,
};

use actix_web::{App, HttpServer, rt, web};
use idempotent_runtime::{Idempotency, MemoryStore};
use load::Load;
use measured::{median, setting};

const SERVER: &str = "IDEMPOTENT_BENCH_SERVER";
const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";

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

/// Number of keys that are replayed.
const KNOWN: u64 = 10_000;

/// Never the same key twice.
fn fresh(serial: u64) -> u64 {
    serial
}

/// Over and over the same keys.
fn known(serial: u64) -> u64 {
    serial % KNOWN
}

/// One key.
fn hot(_: u64) -> u64 {
    0
}

fn wanted(variant: &Variant) -> bool {
    let only = env::var("BENCH_ONLY");
    variant.path == "/bare" || only.is_err() || only.as_deref() == Ok(variant.name)
}

struct Variant {
    name: &'static str,
    path: &'static str,
    key: fn(u64) -> u64,
    is_replay: bool,
}

const VARIANTS: [Variant; 6] = [
    Variant { name: "bare handler", path: "/bare", key: fresh, is_replay: false },
    Variant { name: "first execution", path: "/annotated", key: fresh, is_replay: false },
    Variant { name: "replay", path: "/annotated", key: known, is_replay: true },
    Variant { name: "replay of one hot key", path: "/annotated", key: hot, is_replay: true },
    Variant { name: "first, moka by hand", path: "/by_hand", key: fresh, is_replay: false },
    Variant { name: "replay, moka by hand", path: "/by_hand", key: known, is_replay: true },
];

/// Measurement of one variant in one round.
#[derive(Clone, Copy)]
struct Sample {
    per_second: f64,
    server_micros: f64,
}

async fn measure(address: SocketAddr, server: u32) -> io::Result<()> {
    let connections = setting("BENCH_CONNECTIONS", 32);
    let time = Duration::from_millis(setting("BENCH_MILLIS", 1000));
    let rounds = setting("BENCH_ROUNDS", 7);
    let serial = Rc::new(Cell::new(1_000_000_000));
    let load = |variant: &Variant| Load {
        address,
        path: variant.path,
        body: orders::BODY,
        key: variant.key,
        serial: serial.clone(),
    };
    for variant in VARIANTS.iter().filter(|variant| variant.is_replay) {
        let preload = Load { key: known, serial: Rc::default(), ..load(variant) };
        preload.connection(|done| done == KNOWN).await?;
    }
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); VARIANTS.len()];
    for round in 0..=rounds {
        for (variant, samples) in VARIANTS.iter().zip(&mut samples).filter(|(variant, _)| wanted(variant)) {
            let sample = run(load(variant), connections, time, server).await?;
            // The first round warms up.
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    print(&samples, connections, time);
    Ok(())
}

/// Loads the server for so long over so many connections.
async fn run(load: Load, connections: usize, time: Duration, server: u32) -> io::Result<Sample> {
    // The load's core never sleeps. To wake it would cost the server time, and the more, the slower
    // the server is.
    let awake = rt::spawn(async {
        loop {
            tokio::task::yield_now().await
        }
    });
    let cpu = cpu_time(server);
    let (done, taken) = load.run(connections, time).await?;
    awake.abort();
    let cpu = cpu_time(server).saturating_sub(cpu);
    Ok(Sample {
        per_second: done as f64 / taken.as_secs_f64(),
        server_micros: cpu.as_secs_f64() * 1e6 / done as f64,
    })
}

/// Time that all threads of a process have spent on a processor; zero where the system does not
/// tell.
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
