//! Hears of claims that ended on another node.

use std::time::Duration;

use futures_util::StreamExt;
use redis::{
    Client, ErrorKind, Msg, ProtocolVersion, RedisResult, Value,
    aio::{PubSubSink, PubSubStream},
};
use tokio::time::timeout;

use super::{connection::CONNECT_TIMEOUT, keys::Names, primary::Primary};
use crate::store::remote::{Notifier, Subscription};

/// Silence after which the server is asked whether it is still there: a host that has vanished
/// closes nothing.
const SILENCE: Duration = Duration::from_secs(5);

/// Messages that nodes publish for each other, heard at one server after the other. A message that
/// is published at one node of a cluster is heard at all.
pub(super) struct Notifications {
    servers: Vec<Primary>,
    channel: Vec<u8>,
    next: usize,
}

impl Notifications {
    pub(super) fn at(servers: Vec<Primary>, channel: &[u8]) -> Self {
        Notifications { servers, channel: channel.to_vec(), next: 0 }
    }
}

impl Subscription for Notifications {
    type Open = (PubSubSink, PubSubStream);

    async fn open(&mut self) -> Result<Self::Open, String> {
        let server = self.servers.get(self.next).ok_or("there is no server")?;
        self.next = (self.next + 1) % self.servers.len();
        subscribed(server, &self.channel).await
    }

    async fn hear((mut asking, mut messages): Self::Open, notifier: &Notifier) {
        loop {
            match timeout(SILENCE, messages.next()).await {
                Ok(Some(message)) => notify(&message, notifier),
                Ok(None) => return,
                Err(_) if answers(&mut asking).await => {}
                Err(_) => return,
            }
        }
    }
}

/// The same server in the older protocol. In that protocol a client can tell whether a subscription
/// stands.
fn as_subscriber(server: Client) -> Client {
    let info = server.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Client::open(info.set_redis_settings(settings)).unwrap_or(server)
}

async fn subscribed(server: &Primary, channel: &[u8]) -> Result<(PubSubSink, PubSubStream), String> {
    let subscribing = async {
        let server = as_subscriber(server.client().await?);
        let mut subscription = server.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        // The client takes a refusal for a confirmation. Only a subscriber gets an array as the
        // answer to a ping.
        match subscription.ping().await {
            Ok(Value::SimpleString(_)) => {
                Err((ErrorKind::Client, "the user may not subscribe to the channel").into())
            }
            _ => RedisResult::Ok(subscription.split()),
        }
    };
    match timeout(CONNECT_TIMEOUT, subscribing).await {
        Ok(subscription) => subscription.map_err(|error| error.to_string()),
        Err(_) => Err("the server does not answer".to_owned()),
    }
}

fn notify(message: &Msg, notifier: &Notifier) {
    if let Some(address) = Names::address(message.get_payload_bytes()) {
        notifier.notify(address);
    }
}

/// True where the server answers anything. A user who may not ask is told so, and a closed
/// connection shows that by itself.
async fn answers(asking: &mut PubSubSink) -> bool {
    timeout(CONNECT_TIMEOUT, asking.ping::<()>()).await.is_ok()
}
