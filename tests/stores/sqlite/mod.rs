//! The SQLite store conforms, and what is special about it.

mod conforms;
mod crashes;
mod line;
mod log;
mod restarts;
mod setup;
mod stuck;
mod trouble;
mod waits;

use std::{path::Path, time::Duration};

use idempotent_runtime::{
    Address, RequestFingerprint, SqliteStore,
    store::{ClaimRequest, Hold, OnAbandoned, Origin, Token},
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

/// The application's own pool on the file at `path`.
async fn pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqlitePool::connect_with(options).await.unwrap()
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

/// A request that nobody has sent before.
fn hold() -> Hold {
    let random = || *Token::random().unwrap().as_bytes();
    let mut address = [0; 32];
    address[..16].copy_from_slice(&random());
    address[16..].copy_from_slice(&random());
    Hold {
        address: Address::from_bytes(address),
        token: Token::from_bytes(random()),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    }
}

/// The same request again.
fn retry(hold: Hold) -> Hold {
    Hold { token: Token::random().unwrap(), ..hold }
}

const LONG: Duration = Duration::from_secs(3600);

fn claim(hold: Hold) -> ClaimRequest {
    ClaimRequest {
        hold,
        lease: LONG,
        on_abandoned: OnAbandoned::Refuse,
        retention: LONG,
        origin: Origin::default(),
    }
}
