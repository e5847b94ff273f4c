//! A PostgreSQL server of a test's own, which it may kill.

mod standby;

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::redis_server::free_port;

/// A server on a free port, its data in a temporary directory. Ends with its value.
#[derive(Debug)]
pub struct PostgresServer {
    directory: PathBuf,
    port: u16,
    settings: Vec<String>,
    wal_writer: WalWriter,
    postmaster: Option<Child>,
}

/// The process that writes the log when no commit waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalWriter {
    Works,
    IsStopped,
}

impl PostgresServer {
    /// A running server with these settings, each `name=value`, beside those that commit durably.
    pub async fn start(settings: &[&str]) -> Self {
        let durable = ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=50"];
        let mut server = Self::new(durable.iter().chain(settings).map(ToString::to_string).collect());
        let mut initdb = program("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        let made = initdb.arg(server.directory.join("data")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.begin().await;
        server
    }

    /// A place for a server: a port, and a directory.
    fn new(settings: Vec<String>) -> Self {
        let port = free_port();
        let directory =
            std::env::temp_dir().join(format!("idempotent-postgres-{}-{port}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        if let Some((user, group)) = unprivileged() {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        PostgresServer { directory, port, settings, wal_writer: WalWriter::Works, postmaster: None }
    }

    /// Options to connect to the server.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new().host("127.0.0.1").port(self.port).username("postgres").database("postgres")
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server for the first time. Somebody else may have taken its port.
    async fn begin(&mut self) {
        for _ in 0..5 {
            if self.runs().await {
                return;
            }
            self.port = free_port();
        }
        panic!("there is no port for a server: {}", self.log());
    }

    /// Starts the server, which does not run, and waits until it accepts connections.
    pub async fn restart(&mut self) {
        assert!(self.runs().await, "{}", self.log());
        if self.wal_writer == WalWriter::IsStopped {
            self.stop_wal_writer();
        }
    }

    /// Starts the server. True where it accepts connections then, false where it has ended.
    async fn runs(&mut self) -> bool {
        assert!(self.postmaster.is_none(), "it runs");
        let mut server = program("postgres");
        server.arg("-D").arg(self.directory.join("data")).arg("-p").arg(self.port.to_string());
        server.args(["-h", "127.0.0.1", "-k"]).arg(&self.directory);
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let log = fs::File::options().create(true).append(true).open(self.directory.join("log")).unwrap();
        self.postmaster = Some(server.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let began = Instant::now();
        loop {
            let accepts = self.accepts().await;
            if self.has_ended() {
                self.postmaster = None;
                return false;
            }
            if accepts {
                return true;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{}", self.log());
            sleep(Duration::from_millis(2));
        }
    }

    fn has_ended(&mut self) -> bool {
        self.postmaster.as_mut().is_none_or(|postmaster| postmaster.try_wait().unwrap().is_some())
    }

    async fn accepts(&self) -> bool {
        match PgConnection::connect_with(&self.options()).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Kills every process of the server at once, as if its machine had lost its power but for what
    /// the machine itself would have lost.
    pub fn kill(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        let pid = postmaster.id().to_string();
        // Stopped first, so that no child is born or tidied up after while they are counted.
        signal("-STOP", &[&pid]);
        let children = children(&pid);
        signal("-KILL", &children);
        signal("-KILL", &[&pid]);
        postmaster.wait().unwrap();
        let began = Instant::now();
        while children.iter().any(|child| fs::exists(format!("/proc/{child}")).unwrap()) {
            assert!(began.elapsed() < Duration::from_secs(30), "the server does not end: {}", self.log());
            sleep(Duration::from_millis(1));
        }
    }

    /// Makes the log leave the server's memory only where a commit waits for it, or its buffers are
    /// full, from now on and after each restart.
    ///
    /// Otherwise the server writes each page of the log as soon as the page is full, and what is
    /// written outlives the server.
    pub fn stop_wal_writer(&mut self) {
        self.wal_writer = WalWriter::IsStopped;
        let postmaster = self.postmaster.as_ref().expect("it runs").id().to_string();
        let is_wal_writer = |process: &String| {
            fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default().contains("walwriter")
        };
        let began = Instant::now();
        loop {
            let writer: Vec<_> = children(&postmaster).into_iter().filter(is_wal_writer).collect();
            if !writer.is_empty() {
                return signal("-STOP", &writer);
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no process writes the log: {}", self.log());
            sleep(Duration::from_millis(2));
        }
    }

    /// Makes no commit end from now on: each waits for a standby that is not there. Nobody sees
    /// what has been written.
    pub async fn stall_commits(&self) {
        let mut connection = self.told("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
        let commit = || sqlx::raw_sql("SELECT pg_current_xact_id()");
        // The server hears of it a moment later.
        while timeout(Duration::from_millis(100), commit().execute(&mut connection)).await.is_ok() {}
    }

    /// Commits end again: those that have waited, and new ones.
    pub async fn heal_commits(&self) {
        self.told("ALTER SYSTEM RESET synchronous_standby_names").await;
    }

    async fn told(&self, setting: &'static str) -> PgConnection {
        let mut connection = PgConnection::connect_with(&self.options()).await.unwrap();
        for told in [setting, "SELECT pg_reload_conf()"] {
            sqlx::raw_sql(told).execute(&mut connection).await.unwrap();
        }
        connection
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn signal(signal: &str, processes: &[impl AsRef<str>]) {
    // One that has ended meanwhile is as good as killed.
    let _ = Command::new("kill").arg(signal).args(processes.iter().map(AsRef::as_ref)).output();
}

/// The processes whose parent is `pid`.
fn children(pid: &str) -> Vec<String> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let is_child = |process: &String| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name before it may hold spaces, but ends with the last parenthesis.
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(pid)
    };
    processes.filter(is_child).collect()
}

/// A program of the newest PostgreSQL that is installed, run as somebody whom it lets run it.
fn program(name: &str) -> Command {
    let mut command = Command::new(newest(name));
    command.current_dir("/");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

fn newest(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest =
        versions.map(|entry| entry.path()).filter(|path| version(path).is_some()).max_by_key(version);
    newest.map_or_else(|| name.into(), |version| version.join("bin").join(name))
}

/// The user `postgres` and its group, for root, whom PostgreSQL refuses to run as.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let id = |which| {
        let output = Command::new("id").args([which, "postgres"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().expect("there is a user `postgres`")
    };
    Some((id("-u"), id("-g")))
}
