//! Setting a store up.

use std::{sync::Arc, time::Duration};

use super::{
    Calls, RedisShared, RedisStore,
    batch::{self, UnderWay},
    client::RedisClient,
    durability,
    failure::NAME,
    hints::Hints,
    keys::Names,
    place::Place,
    pubsub::Notifications,
    replicas::{self, Replicas},
    rights,
    scripts::{Generation, Scripts},
};
use crate::{
    clock::{Clock, SystemClock},
    store::{
        SetupError,
        remote::{Wakeups, checked},
    },
};

/// The longest that replicas may take to acknowledge: a call is given up after two seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Settings of a [`RedisStore`].
#[derive(Clone, Debug)]
#[must_use = "settings make a store when they are built"]
pub struct RedisStoreBuilder {
    place: Place,
    prefix: String,
    replicas: Option<Replicas>,
    generation: Generation,
    clock: Arc<dyn Clock>,
}

impl RedisStoreBuilder {
    pub(super) fn at(place: Place) -> Self {
        RedisStoreBuilder {
            place,
            prefix: "idempotent".to_owned(),
            replicas: None,
            generation: Generation::OfServer,
            clock: Arc::new(SystemClock),
        }
    }

    /// Beginning of the names of all keys, and of the channel for notifications; `idempotent` if
    /// not set.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Counts a claim as won, and a response as stored, only when `count` replicas have
    /// acknowledged it within `timeout` (at most one second). If they have not, the store is
    /// unavailable. The request is refused, and its claim taken back. A response goes to the first
    /// client once storing it has been tried for a while. Replays count only on the same condition.
    ///
    /// This makes it unlikely that a failover forgets a key, but not impossible: a replica that has
    /// acknowledged need not be the one that is promoted. Not for clusters, and not on a connection
    /// of the application's own.
    pub fn wait_replicas(mut self, count: u32, timeout: Duration) -> Self {
        self.replicas = Some(Replicas { count, timeout });
        self
    }

    /// Asks of the server only what servers before Redis 7 can do, for tests.
    #[doc(hidden)]
    pub fn before_redis_7(mut self) -> Self {
        self.generation = Generation::Before7;
        self
    }

    /// Counts by `clock`, beside the wall clock, for how long what this process has seen completed
    /// is still replayed. For tests that move the server's time.
    #[doc(hidden)]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The store. Its tasks run on the present runtime until the last clone is dropped. Its
    /// connection is driven there too, whichever runtimes call it. So build it where no handler
    /// runs that could block: before the server is started, and not in a worker.
    ///
    /// # Errors
    /// A setting that cannot work, rights that the user lacks, or a server that does not answer or
    /// refuses.
    pub async fn build(self) -> Result<RedisStore, SetupError> {
        let names = Names::new(checked("prefix", self.prefix)?);
        let servers = self.place.servers()?;
        let replicas = self.replicas.map(Replicas::checked).transpose()?;
        let (servers, client) = servers.connected(&names).await?;
        let client = Arc::new(client);
        rights::check(&client, &names, replicas, &servers.user(&client).await).await?;
        durability::warn(&client).await;
        let scripts = Arc::new(Scripts::new(self.generation));
        let calls = match (replicas, &*client) {
            (Some(wanted), _) => {
                let (primary, channel) = (servers.waited_for()?, names.channel());
                Calls::Acknowledged(replicas::calls(primary, channel, Arc::clone(&scripts), wanted))
            }
            (None, RedisClient::Single(single)) => {
                Calls::Together(batch::calls(Arc::clone(single), Arc::clone(&scripts)), UnderWay::default())
            }
            (None, RedisClient::Cluster(_)) => Calls::Each,
        };
        let look = {
            let (client, names) = (Arc::clone(&client), names.clone());
            move |address| super::is_claimed(Arc::clone(&client), names.key(address))
        };
        let wakeups = match servers.heard_at(&client).await {
            none if none.is_empty() => Wakeups::by_looks(look),
            heard_at => Wakeups::start(NAME, Notifications::at(heard_at, names.channel()), look).await,
        };
        let hints = match replicas {
            None if servers.reads_from_primaries() => Hints::new(self.clock),
            _ => Hints::none(),
        };
        let inner = RedisShared { client, scripts, calls, names, hints, wakeups };
        Ok(RedisStore(Arc::new(inner)))
    }
}

impl Replicas {
    fn checked(self) -> Result<Self, SetupError> {
        if self.count == 0 {
            return Err(SetupError::setting(NAME, "at least one replica has to be waited for"));
        }
        if self.timeout.is_zero() || self.timeout > LONGEST_WAIT {
            return Err(SetupError::setting(
                NAME,
                "replicas can be waited for for at most one second, and for longer than nothing",
            ));
        }
        Ok(self)
    }
}
