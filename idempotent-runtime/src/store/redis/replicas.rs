//! Calls that count only when replicas have them too.

use std::{sync::Arc, time::Duration};

use redis::{Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Mutex;

use super::{
    batch::{Answered, Groups, answered},
    call::Call,
    failure::{Failure, NAME, Sent},
    primary::{Primary, ToPrimary},
    reply::is_unknown,
    scripts::Scripts,
};
use crate::store::{
    StoreError,
    remote::{Batches, share},
};

/// Number of calls that share one `WAIT`.
const MOST: usize = 256;

/// Number of replicas that have to acknowledge, and the time that they may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replicas {
    pub(super) count: u32,
    pub(super) timeout: Duration,
}

// A batch is one pipeline, calls first and `WAIT` last. Its connection is never replaced by another
// one in the midst. A `WAIT` on a new connection, perhaps to a server that has been promoted
// meanwhile, would count replicas that know nothing of the calls.
//
// Before the `WAIT` a message is published that says nothing. It goes to the replicas behind all
// that the calls have seen. Valkey waits only for what this connection has written, and a script
// that finds an entry completed writes nothing.
//
//   sent ─ enough have acknowledged ─▶ each call is given its answer
//    ├─ too few, or an error ─▶ calls that the server has refused did nothing; all others fail:
//    │                          what they have done stands, or is lost with the server
//    ├─ no answer ─▶ all calls of the batch fail, and nobody knows what they have done
//    └─ the server does not know a script ─▶ all of it is sent again, with the scripts' text;
//                                            each call can be repeated by its token

/// Calls to the `primary`, on a connection of their own: `WAIT` holds up everything that comes
/// after it.
pub(super) fn calls(
    primary: Primary,
    channel: &[u8],
    scripts: Arc<Scripts>,
    replicas: Replicas,
) -> Batches<Call, Answered> {
    let line = Arc::new(Line {
        primary,
        channel: channel.to_vec(),
        scripts,
        replicas,
        connection: Mutex::default(),
    });
    Batches::start(NAME, 1, MOST, move |calls| {
        let line = Arc::clone(&line);
        async move { line.send(&calls).await }
    })
}

struct Line {
    primary: Primary,
    channel: Vec<u8>,
    scripts: Arc<Scripts>,
    replicas: Replicas,
    connection: Mutex<Option<ToPrimary>>,
}

impl Line {
    async fn send(&self, calls: &[Call]) -> Result<Vec<Answered>, StoreError> {
        let groups = Groups::of(calls);
        let (mut replies, mut sent) =
            self.replies(groups.commands(|calls| self.scripts.by_hash(calls))).await?;
        if replies.iter().any(is_unknown) {
            (replies, sent) = self.replies(groups.commands(|calls| self.scripts.by_text(calls))).await?;
            // Calls whose script the server knew have been carried out.
            sent = sent.max(Sent::Again);
        }
        let (waited, published) = (replies.pop(), replies.pop());
        let waited = self.waited(waited, published).await.map_err(Arc::new);
        let acknowledged = |answer| {
            let answer = answered(answer, sent)?;
            waited.as_ref().map(|()| answer).map_err(share)
        };
        Ok(groups.answers(replies).into_iter().map(acknowledged).collect())
    }

    /// Success where enough replicas have the calls too, by the replies to `WAIT` and to the
    /// message before it.
    async fn waited(&self, waited: Option<Value>, published: Option<Value>) -> Result<(), StoreError> {
        match (waited, published) {
            (Some(Value::Int(number)), Some(Value::Int(_))) if number >= i64::from(self.replicas.count) => {
                Ok(())
            }
            (Some(Value::ServerError(error)), _) | (_, Some(Value::ServerError(error))) => {
                // A server that has become a replica cannot be waited for. Its name may lead to
                // another one by now, and sentinels know that one.
                *self.connection.lock().await = None;
                Err(StoreError::unavailable(NAME, RedisError::from(error)))
            }
            _ => Err(StoreError::unavailable(NAME, "too few replicas have acknowledged in time")),
        }
    }

    /// The replies to all commands, to the message, and to `WAIT`.
    async fn replies(&self, mut all: Pipeline) -> Result<(Vec<Value>, Sent), Failure> {
        let millis = u64::try_from(self.replicas.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        all.cmd("PUBLISH").arg(&self.channel).arg("");
        all.cmd("WAIT").arg(self.replicas.count).arg(millis);
        let mut connection = self.connection.lock().await;
        let is_old = connection.is_some();
        match self.once(&mut connection, &all).await {
            // A connection that was lost while it was not used shows that now.
            Err(error) if is_old && error.is_connection_dropped() => {
                let again = self.once(&mut connection, &all).await.map_err(Failure::Unknown)?;
                Ok((again, Sent::Again))
            }
            Err(error) => Err(Failure::Unknown(error)),
            Ok(replies) => Ok((replies, Sent::Once)),
        }
    }

    /// Leaves the connection in its place only if all has been answered.
    async fn once(&self, place: &mut Option<ToPrimary>, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => self.primary.open().await?,
        };
        let replies = connection.send_all(commands).await?;
        *place = Some(connection);
        Ok(replies)
    }
}
