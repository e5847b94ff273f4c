//! A Redis server of a test's own, which it may kill.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult, aio::MultiplexedConnection};
use tokio::time::sleep;

use crate::Scratch;

/// A server on a free port, its data in a temporary folder. Ends with its value.
#[derive(Debug)]
pub struct RedisServer {
    scratch: Scratch,
    port: u16,
    role: Role,
    process: Option<Child>,
}

/// Work of the program.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// It keeps keys.
    Server,
    /// It watches servers that do.
    Sentinel,
}

/// The program: Redis, or one that takes its settings and speaks its protocol.
fn program() -> OsString {
    env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection of a test's own to the server at `url`, which waits for each reply however long it
/// takes.
pub async fn connection(url: &str) -> RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

impl RedisServer {
    /// A running server with these settings, each a line of its configuration. Without any it keeps
    /// nothing across a restart.
    pub async fn start(settings: &[&str]) -> Self {
        Self::start_as(Role::Server, settings).await
    }

    /// A running sentinel with these settings.
    pub async fn start_sentinel(settings: &[&str]) -> Self {
        Self::start_as(Role::Sentinel, settings).await
    }

    async fn start_as(role: Role, settings: &[&str]) -> Self {
        // Somebody else may take the port before the server does.
        for _ in 0..5 {
            let mut server = Self::with(free_port(), role, settings);
            if server.runs().await {
                return server;
            }
        }
        panic!("there is no port for a server");
    }

    /// Like [`start`](Self::start), on a port that is known.
    pub async fn start_on(port: u16, settings: &[&str]) -> Self {
        let mut server = Self::with(port, Role::Server, settings);
        server.restart().await;
        server
    }

    fn with(port: u16, role: Role, settings: &[&str]) -> Self {
        let scratch = Scratch::new();
        let folder = scratch.file("");
        let own = format!(
            "port {port}\nbind 127.0.0.1\ndir {0}\nlogfile {0}log\nsave \"\"\n{1}\n",
            folder.display(),
            settings.join("\n")
        );
        fs::write(scratch.file("redis.conf"), own).unwrap();
        RedisServer { scratch, port, role, process: None }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server, which does not run, and waits until it answers.
    pub async fn restart(&mut self) {
        assert!(self.runs().await, "{}", self.log());
    }

    /// Starts the server; true where it could be started.
    async fn runs(&mut self) -> bool {
        assert!(self.process.is_none(), "it runs");
        let mut server = Command::new(program());
        server.arg(self.scratch.file("redis.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        if let Role::Sentinel = self.role {
            server.arg("--sentinel");
        }
        let mut process = server.spawn().unwrap();
        let began = Instant::now();
        while process.try_wait().unwrap().is_none() && !self.is_up().await {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", self.log());
            sleep(Duration::from_millis(2)).await;
        }
        let has_ended = process.try_wait().unwrap().is_some();
        self.process = Some(process);
        !has_ended
    }

    /// True where the server answers, if only that it wants a password.
    async fn is_up(&self) -> bool {
        match self.try_ask::<()>("PING").await {
            Ok(()) => true,
            Err(error) => error.to_string().contains("NOAUTH"),
        }
    }

    /// Kills the server, as if its machine had lost its power but for what the machine itself would
    /// have lost.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Lets the server stand still, its connections open.
    pub fn freeze(&self) {
        self.signal("-STOP");
        // It may answer once more after it has been told.
        while !self.is_stopped() {
            thread::yield_now();
        }
    }

    fn is_stopped(&self) -> bool {
        let process = self.process.as_ref().expect("it runs").id();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// A connection of the test's own.
    pub async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        connection(&self.url()).await
    }

    /// Answer of the server to a command whose words are parted by spaces.
    pub async fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self.try_ask(command).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Like [`ask`](Self::ask), where it may refuse.
    ///
    /// # Errors
    /// The server's error, or that it does not answer.
    pub async fn try_ask<T: FromRedisValue>(&self, command: &str) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let mut words = command.split(' ');
        let mut question = redis::cmd(words.next().unwrap_or_default());
        for word in words {
            question.arg(word);
        }
        question.query_async(&mut connection).await
    }

    /// Number of calls of each command so far, inside scripts and outside.
    pub async fn calls(&self) -> std::collections::BTreeMap<String, u64> {
        let stats: String = self.ask("INFO commandstats").await;
        let call = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        stats.lines().filter_map(call).collect()
    }

    /// From now on it cannot save what it keeps, as one whose disk is full. Where it is set to save
    /// at times, it refuses to write.
    pub async fn cannot_save(&self) {
        // Whoever runs it may be allowed to write anywhere, but not in a folder that is gone.
        fs::remove_dir_all(self.scratch.file("")).unwrap();
        self.ask::<()>("BGSAVE").await;
        while !self.ask::<String>("INFO persistence").await.contains("rdb_last_bgsave_status:err") {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Log of the server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
