//! The one server that keeps all keys, and the connection to it.

use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value, aio::MultiplexedConnection};

use super::{
    connection::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, Server},
    given::{Lender, Lent},
    sentinel::Sentinels,
};

/// The server that keeps all keys, as far as one can connect to it.
#[derive(Clone)]
pub(super) enum Primary {
    /// The server at this address, whichever server that is.
    At(Client),
    /// The server that the sentinels call the primary.
    Named(Sentinels),
}

/// The server that keeps all keys, with or without an address.
pub(super) enum SingleServer {
    Known(Primary),
    /// The server at the other end of the application's connections.
    Given(Lender),
}

/// A connection to it.
#[derive(Clone)]
pub(super) enum ToPrimary {
    Own(MultiplexedConnection),
    Given(Lent),
}

impl Primary {
    /// A client of the server that is the primary now.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        match self {
            Primary::At(client) => Ok(client.clone()),
            Primary::Named(sentinels) => sentinels.primary().await,
        }
    }

    /// A new connection, driven by the present runtime.
    pub(super) async fn open(&self) -> RedisResult<ToPrimary> {
        open(&self.client().await?).await.map(ToPrimary::Own)
    }

    /// The user that connections are made as.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Primary::At(client) => client.get_connection_info().redis_settings().username(),
            Primary::Named(sentinels) => sentinels.user(),
        }
    }
}

impl Server for SingleServer {
    type Connection = ToPrimary;

    async fn open(&self) -> RedisResult<ToPrimary> {
        match self {
            SingleServer::Known(primary) => primary.open().await,
            SingleServer::Given(lender) => lender.lend().await.map(ToPrimary::Given),
        }
    }
}

impl ToPrimary {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            ToPrimary::Own(connection) => connection.send_packed_command(command).await,
            ToPrimary::Given(lent) => lent.send(command).await,
        }
    }

    /// Sends commands together. Each has a reply of its own, an error or not.
    pub(super) async fn send_all(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            ToPrimary::Own(connection) => connection.send_packed_commands(commands, 0, commands.len()).await,
            ToPrimary::Given(lent) => lent.send_all(commands).await,
        }
    }
}

async fn open(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let info = client.get_connection_info();
    let at_once = info.tcp_settings().clone().set_nodelay(true);
    let client = Client::open(info.clone().set_tcp_settings(at_once))?;
    client.get_multiplexed_async_connection_with_config(&config).await
}
