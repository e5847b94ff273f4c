//! The example `ledger` as a process behind a bad network: it is killed and started again on its
//! file, and its transfers are counted in that file.

use std::{collections::BTreeMap, sync::Arc};

use idempotent_tests::{Scratch, program::Program};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

use crate::faults::Network;

/// Transfers from one account to another of so many cents, and how many there are.
pub(crate) type Transfers = BTreeMap<(String, String, i64), i64>;

pub(crate) struct Ledger {
    program: Option<Program>,
    network: Arc<Network>,
    scratch: Scratch,
}

impl Ledger {
    /// One request in `one_in` meets a fault of the network.
    pub(crate) async fn behind(one_in: usize) -> Ledger {
        let scratch = Scratch::new();
        let program = start(&scratch).await;
        let network = Arc::new(Network::to(program.address().port(), one_in).await);
        Ledger { program: Some(program), network, scratch }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.network.port())
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Kills the process, and starts another one in its place.
    pub(crate) async fn die(&mut self) {
        let program = self.program.take();
        tokio::task::spawn_blocking(move || drop(program)).await.unwrap();
        let program = start(&self.scratch).await;
        self.network.lead_to(program.address().port());
        self.program = Some(program);
    }

    /// Transfers in the ledger's file.
    pub(crate) async fn transfers(&self) -> Transfers {
        let count = "SELECT payer, payee, cents, count(*) FROM ledger_transfers GROUP BY payer, payee, cents";
        let options = SqliteConnectOptions::new().filename(self.scratch.file("ledger.db"));
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(count).fetch_all(&pool).await.unwrap();
        pool.close().await;
        rows.into_iter().map(|(payer, payee, cents, count)| ((payer, payee, cents), count)).collect()
    }
}

async fn start(scratch: &Scratch) -> Program {
    let store = format!("sqlite:{}", scratch.file("ledger.db").display());
    let start = move || Program::start_with("ledger", &[("STORE", &store)]);
    tokio::task::spawn_blocking(start).await.unwrap()
}
