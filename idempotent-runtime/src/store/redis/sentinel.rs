//! Sentinels, which know the address of a primary by its name.

use std::{collections::HashMap, io, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult};
use tokio::time::{Instant, timeout_at};

use super::{
    address::{at, connection},
    connection::CONNECT_TIMEOUT,
    failure::{NAME, unreachable},
};
use crate::store::SetupError;

/// Time that slower sentinels are given once one has answered: one of them may know of a later
/// failover.
const GRACE: Duration = Duration::from_millis(100);

/// Sentinels, and the primary that is meant.
#[derive(Clone)]
pub(super) struct Sentinels {
    clients: Vec<Client>,
    name: String,
    /// User, password, database and TLS of the primary. Its address is to be found out.
    primary: ConnectionInfo,
}

/// Knowledge of one sentinel about the primary.
struct Known {
    /// Number of the failover that made this server the primary.
    epoch: u64,
    host: String,
    port: u16,
}

impl Sentinels {
    /// The sentinels at `urls`, and the primary that `primary` names: by its name alone, or as the
    /// host of a URL.
    pub(super) fn of(urls: &[String], primary: &str) -> Result<Self, SetupError> {
        let clients = urls.iter().map(|url| Client::open(connection(url.trim())?).map_err(unreachable));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        if clients.is_empty() {
            return Err(SetupError::setting(NAME, "at least one sentinel has to be named"));
        }
        let url = if primary.contains("://") { primary.to_owned() } else { format!("redis://{primary}") };
        let primary = connection(&url)?;
        let name = match primary.addr() {
            redis::ConnectionAddr::Tcp(name, _) => name.clone(),
            redis::ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => {
                return Err(SetupError::setting(
                    NAME,
                    "sentinels know a primary by its name, and not by a path",
                ));
            }
        };
        Ok(Sentinels { clients, name, primary })
    }

    /// User of the primary, where one is named.
    pub(super) fn user(&self) -> Option<&str> {
        self.primary.redis_settings().username()
    }

    /// The server that is the primary now.
    pub(super) async fn primary(&self) -> RedisResult<Client> {
        let Known { host, port, .. } = self.latest().await?;
        Client::open(self.primary.clone().set_addr(at(self.primary.addr(), host, port)))
    }

    /// The latest knowledge of all sentinels that answer in time. One that was cut off from the
    /// others, or comes back after a while, may still name the primary before the last failover.
    async fn latest(&self) -> RedisResult<Known> {
        let mut asked: FuturesUnordered<_> =
            self.clients.iter().map(|sentinel| ask(sentinel, &self.name)).collect();
        let (mut latest, mut failed): (Option<Known>, Option<RedisError>) = (None, None);
        let mut until = Instant::now() + CONNECT_TIMEOUT;
        while let Ok(Some(answer)) = timeout_at(until, asked.next()).await {
            match answer {
                Ok(known) => {
                    until = until.min(Instant::now() + GRACE);
                    if latest.as_ref().is_none_or(|latest| latest.epoch < known.epoch) {
                        latest = Some(known);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        latest.ok_or_else(|| failed.unwrap_or_else(|| io::Error::from(io::ErrorKind::TimedOut).into()))
    }
}

async fn ask(sentinel: &Client, name: &str) -> RedisResult<Known> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(CONNECT_TIMEOUT));
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config).await?;
    let mut question = Cmd::new();
    question.arg("SENTINEL").arg("MASTER").arg(name);
    let told: HashMap<String, String> = question.query_async(&mut connection).await?;
    known(told).ok_or_else(|| (ErrorKind::Parse, "a sentinel's answer cannot be understood").into())
}

fn known(mut told: HashMap<String, String>) -> Option<Known> {
    let port = told.get("port")?.parse().ok()?;
    let epoch = told.get("config-epoch")?.parse().ok()?;
    Some(Known { epoch, host: told.remove("ip")?, port })
}
