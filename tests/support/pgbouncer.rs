//! A PgBouncer of a test's own, in front of a PostgreSQL server.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{net::TcpStream, time::sleep};

use crate::{Scratch, postgres_server::unprivileged, redis_server::free_port};

/// A pooler on a free port, in front of one server. Ends with its value.
///
/// It runs the program that the variable `PGBOUNCER` names, by default the system's.
#[derive(Debug)]
pub struct PgBouncer {
    scratch: Scratch,
    server: PgConnectOptions,
    port: u16,
    process: Option<Child>,
}

impl PgBouncer {
    /// A pooler with these settings, each `name = value`, in front of the server of `server`,
    /// whose user need have no password.
    pub async fn start(server: PgConnectOptions, settings: &[&str]) -> Self {
        // Somebody else may take the port before the pooler does.
        for _ in 0..5 {
            let mut pooler = Self::with(free_port(), server.clone(), settings);
            if pooler.runs().await {
                return pooler;
            }
        }
        panic!("there is no port for a pooler");
    }

    /// A pooler in transaction mode, with so many connections to the server.
    pub async fn in_transaction_mode(server: PgConnectOptions, pool_size: usize) -> Self {
        let pool_size = format!("default_pool_size = {pool_size}");
        Self::start(server, &["pool_mode = transaction", &pool_size, TAKES_SQLX]).await
    }

    fn with(port: u16, server: PgConnectOptions, settings: &[&str]) -> Self {
        let scratch = Scratch::new();
        let (host, server_port, user) = (server.get_host(), server.get_port(), server.get_username());
        let ini = format!(
            "[databases]\n* = host={host} port={server_port} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\nmax_client_conn = 1000\n{}\n",
            settings.join("\n")
        );
        fs::write(scratch.file("pgbouncer.ini"), ini).unwrap();
        PgBouncer { scratch, server, port, process: None }
    }

    /// Options to connect to the database through PgBouncer.
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().host("127.0.0.1").port(self.port)
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        let database = self.server.get_database().unwrap_or("postgres");
        format!("postgres://{}@127.0.0.1:{}/{database}", self.server.get_username(), self.port)
    }

    /// Starts PgBouncer; true where it could be started.
    async fn runs(&mut self) -> bool {
        let program = std::env::var("PGBOUNCER").unwrap_or_else(|_| "pgbouncer".to_owned());
        let mut command = Command::new(program);
        if let Some((user, group)) = unprivileged() {
            chown(self.scratch.file(""), Some(user), Some(group)).unwrap();
            command.uid(user).gid(group);
        }
        command.arg(self.scratch.file("pgbouncer.ini")).current_dir("/").stdout(Stdio::null());
        let log = fs::File::create(self.scratch.file("log")).unwrap();
        let process = command.stderr(log).spawn().expect("pgbouncer can be run: is it installed?");
        let process = self.process.insert(process);
        let began = Instant::now();
        loop {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return true;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the pooler does not start");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Log of PgBouncer.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }
}

/// Setting without which PgBouncer refuses a parameter that sqlx asks for by default.
pub const TAKES_SQLX: &str = "ignore_startup_parameters = extra_float_digits";

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
