//! An example program as a child process.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::Connection;

/// A running program; killed (`kill -9`) when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    address: SocketAddr,
}

/// Time in which a program has to end after a signal.
const END_TIMEOUT: Duration = Duration::from_secs(60);

impl Program {
    /// Starts the program on a free port, and returns when it listens.
    pub fn start(name: &str) -> Program {
        Self::start_with(name, &[])
    }

    /// Like [`start`](Self::start), with these variables in its environment.
    pub fn start_with(name: &str, environment: &[(&str, &str)]) -> Program {
        let mut command = command(name);
        command.envs(environment.iter().copied());
        Self::launch(command)
    }

    /// Like [`start`](Self::start), by this command.
    pub fn launch(mut command: Command) -> Program {
        let mut child = command.env("PORT", "0").spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| Some(line.strip_prefix("Listening on http://")?.to_owned()));
        // Whatever else it prints is read, so that it never stands before a full pipe.
        thread::spawn(move || lines.for_each(drop));
        let Some(address) = url.and_then(|url| url.parse().ok()) else {
            let _ = child.kill();
            panic!("{command:?} does not say where it listens: {:?}", child.wait());
        };
        Program { child, address }
    }

    /// Address at which the program listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Asks the program to end, as service managers do.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(sent.success(), "SIGTERM to {id}: {sent}");
    }

    /// Waits for the program's end.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + END_TIMEOUT;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None if Instant::now() > until => panic!("the program does not end"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that runs the program, with its output piped and its log thrown away.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(built(name));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Path of the program, which is built first, once.
fn built(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    // A program that has a feature of its own has its name.
    let features: &[&str] = if name == "nats" { &["--features", name] } else { &[] };
    let built = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--package", "idempotent-examples", "--bin", name, "--message-format", "json"])
        .args(features)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    };
    let messages = String::from_utf8(built.stdout).unwrap();
    messages.lines().filter_map(executable).next_back().expect("cargo says where the program is")
}
