//! A standby of a server, which can take its place.

use std::{thread::sleep, time::Duration};

use sqlx::{Connection, PgConnection};

use super::{Instant, PostgresServer, program};

const NAME: &str = "standby";

impl PostgresServer {
    /// A standby of this server, which receives what the server writes, and confirms nothing. There
    /// can be one.
    pub async fn standby(&self) -> PostgresServer {
        let mut standby = Self::new(self.settings.clone());
        let connection = format!("host=127.0.0.1 port={} user=postgres application_name={NAME}", self.port);
        let mut backup = program("pg_basebackup");
        backup.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-d", &connection, "-D"]);
        let made = backup.arg(standby.directory.join("data")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        standby.begin().await;
        self.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
        standby
    }

    /// From now on no commit ends that its standby has not confirmed.
    pub async fn wait_for_standby(&self) {
        self.told("ALTER SYSTEM SET synchronous_standby_names = 'standby'").await;
        self.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'").await;
    }

    /// Cuts this standby off from its primary.
    pub async fn leave(&self, primary: &PostgresServer) {
        self.told("ALTER SYSTEM SET primary_conninfo = ''").await;
        primary.until("SELECT count(*) = 0 FROM pg_stat_replication").await;
    }

    /// Makes this standby a server of its own.
    pub async fn promote(&self) {
        self.until("SELECT pg_promote()").await;
    }

    /// Number of connections that listen for notifications.
    pub async fn listeners(&self) -> i64 {
        let mut connection = PgConnection::connect_with(&self.options()).await.unwrap();
        let listeners = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'";
        sqlx::query_scalar(listeners).fetch_one(&mut connection).await.unwrap()
    }

    async fn until(&self, comes_true: &'static str) {
        let mut connection = PgConnection::connect_with(&self.options()).await.unwrap();
        let began = Instant::now();
        while !sqlx::query_scalar::<_, bool>(comes_true).fetch_one(&mut connection).await.unwrap() {
            assert!(began.elapsed() < Duration::from_secs(60), "{comes_true}: {}", self.log());
            sleep(Duration::from_millis(2));
        }
    }
}
