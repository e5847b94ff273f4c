//! A store for many machines: keys in Redis, or in any server that speaks its protocol and runs its
//! scripts.

mod address;
mod batch;
mod builder;
mod call;
mod client;
mod cluster;
mod connection;
mod durability;
mod failure;
mod given;
mod hints;
mod inspect;
mod keys;
mod place;
mod primary;
mod pubsub;
mod replicas;
mod reply;
mod rights;
mod scan;
mod scripts;
mod sentinel;
mod slot;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::FutureExt;
use redis::{Client, Cmd, Value, cluster::ClusterClient};

use self::{
    batch::{Answered, UnderWay},
    call::Call,
    client::RedisClient,
    failure::NAME,
    hints::{Hint, Hints},
    keys::Names,
    place::Place,
    reply::{Completed, Decision, ScriptReply},
    scripts::Scripts,
};
pub use self::{builder::RedisStoreBuilder, given::RedisConnection};
use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, SetupError, Store, StoreError, Stuck, StuckRequest,
    remote::{Batches, Wakeups},
};
use crate::request::Address;

/// Keeps claims and records in Redis. Clones share everything.
///
/// For any number of machines: one server with or without replicas, a primary that sentinels watch,
/// or a cluster. Redis 5 and later.
///
/// # What it guarantees
///
/// That depends on the settings of Redis, and Redis forgets silently. The settings that it shows
/// are checked when the store is built, and the store warns of bad ones.
///
/// - **Crash of a node of the application.** Its claims stand until their leases run out, and then
///   `abandoned` decides.
/// - **Restart of Redis.** With `appendonly yes` and `appendfsync always` everything acknowledged
///   is there again. With `everysec` a crash of the machine may lose the last second. Without an
///   append-only file a restart forgets every key: a retry of a forgotten key is a new execution.
/// - **Failover.** Replication is asynchronous. A replica that is promoted may not have the last
///   claims and responses, and then retries of them run again.
///   [`wait_replicas`](RedisStoreBuilder::wait_replicas) makes that unlikely, but not impossible.
///   Where it must not happen, use PostgreSQL with synchronous replication. The store finds the new
///   primary by itself: by its sentinels, or where the same address leads to it, or in its cluster.
///   Until then requests are refused with `store_unavailable`.
/// - **Eviction.** With `maxmemory` and a policy other than `noeviction` Redis drops keys when its
///   memory is full. With `noeviction` new keys are refused with `store_full`. Keys that were
///   claimed before are renewed and completed as ever: their responses may exceed the limit.
/// - **Clock skew.** Leases and retention are counted by the server's clock. The clocks of the
///   application's machines do not matter. A failover to a server whose clock differs shifts leases
///   and retention by the difference.
///
/// # Rights
///
/// The store's user needs the rights of the first line. A missing right is an error that names it
/// when the store is built. With the rights of the other lines nodes wake each other, stuck keys
/// can be listed and keys forgotten, replays may go together, and settings that lose keys are seen.
/// [`wait_replicas`](RedisStoreBuilder::wait_replicas) needs `+wait`, and `+publish` on the
/// channel.
///
/// ```text
/// ACL SETUSER app on >secret ~idempotent:* +evalsha +eval +get +getrange +pttl +set +pexpire +del
/// ACL SETUSER app &idempotent:changed +publish +subscribe +ping +scan +mget +info +config|get
/// ACL SETUSER app +cluster|slots
/// ```
///
/// A user of sentinels needs `+sentinel|master`.
///
/// # How it works
///
/// An entry is one key, so it lives in one slot of a cluster, and every verb is one Lua script, so
/// it is atomic. The entry's lease is inside its value. Its retention is the key's own expiry. All
/// calls share one connection. A lone call is sent at once, by itself. On one server, calls that
/// come while others are under way go together, up to 64 claims or completions in one script, each
/// answered for itself. A duplicate on another node is woken by a message on one channel, published
/// only if somebody waits. While that channel is down the store polls.
///
/// An entry that this process has completed or replayed before is asked for by a plain `GET`, which
/// costs the server a fraction of a script. If exactly that entry is there, it is replayed.
/// Everything else is left to the script. Such a claim then costs one more round trip, once. The
/// last 8,192 such entries are known, in less than a megabyte however long their responses are.
/// None are known where replicas are waited for or expired keys remembered. Nor are any where the
/// connection, or a cluster's client, is the application's own: it may read from a replica.
///
/// Redis keeps no order of keys. To list stuck entries, and to find the steps of a key that is
/// forgotten, the store looks through all of its keys with `SCAN`, some hundreds at a time, on each
/// primary. While a cluster moves slots the list may lack the entries that move. A key whose steps
/// are looked for is claimed meanwhile. A node that dies over it leaves a dead claim, which may be
/// forgotten again.
///
/// ```no_run
/// use idempotent_runtime::{Idempotency, RedisStore};
///
/// # async fn set_up() -> Result<Idempotency, Box<dyn std::error::Error>> {
/// let store = RedisStore::new("redis://127.0.0.1:6379").await?;
/// Ok(Idempotency::builder().store(store).namespace("shop-production").build()?)
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<RedisShared>);

/// The parts that all clones of a store share.
struct RedisShared {
    client: Arc<RedisClient>,
    scripts: Arc<Scripts>,
    calls: Calls,
    names: Names,
    hints: Hints,
    wakeups: Wakeups,
}

/// Way in which calls are sent.
enum Calls {
    /// To one server. Calls that come among few others go by themselves, without a detour. Other
    /// calls go together.
    Together(Batches<Call, Answered>, UnderWay),
    /// To one server, together, with a wait for replicas behind them.
    Acknowledged(Batches<Call, Answered>),
    /// Each by itself: in a cluster each key may have a server of its own.
    Each,
}

impl RedisStore {
    /// A store at `url`: `redis://user:password@host:port/database`, or several of these, parted by
    /// commas, for nodes of a cluster. One node of a cluster is enough, and recognised as such.
    ///
    /// # Errors
    /// A URL that is not one, or a server that does not answer or refuses.
    pub async fn new(url: impl AsRef<str>) -> Result<Self, SetupError> {
        Self::builder(url).build().await
    }

    /// A store at the primary that sentinels know as `primary`. After a failover the store asks
    /// them for the new one.
    ///
    /// `urls` are those of the sentinels, with their ports: `redis://user:password@host:26379`. All
    /// of them are asked, and the one that knows of the last failover is believed. `primary` is a
    /// name, `mymaster`, or a URL with this name as its host, where the primary wants a user, a
    /// database or TLS: `redis://user:password@mymaster/database`.
    ///
    /// # Errors
    /// A URL that is not one, a primary that no sentinel knows, or one that does not answer or
    /// refuses.
    pub async fn sentinel(
        urls: impl IntoIterator<Item = impl Into<String>>,
        primary: impl Into<String>,
    ) -> Result<Self, SetupError> {
        Self::builder_with_sentinel(urls, primary).build().await
    }

    /// A store with other settings, at `url`, as for [`new`](Self::new).
    pub fn builder(url: impl AsRef<str>) -> RedisStoreBuilder {
        RedisStoreBuilder::at(Place::Url(url.as_ref().to_owned()))
    }

    /// A store with other settings, at the primary that sentinels know, as for
    /// [`sentinel`](Self::sentinel).
    pub fn builder_with_sentinel(
        urls: impl IntoIterator<Item = impl Into<String>>,
        primary: impl Into<String>,
    ) -> RedisStoreBuilder {
        let urls = urls.into_iter().map(Into::into).collect();
        RedisStoreBuilder::at(Place::Sentinels(urls, primary.into()))
    }

    /// A store with a client of the application's own.
    pub fn builder_with_client(client: Client) -> RedisStoreBuilder {
        RedisStoreBuilder::at(Place::Single(client))
    }

    /// A store with a cluster client of the application's own. Notifications are heard at `node`,
    /// any node of the cluster. `cluster` has to send commands at once: build it with
    /// `tcp_settings(TcpSettings::default().set_nodelay(true))`.
    pub fn builder_with_cluster(cluster: ClusterClient, node: Client) -> RedisStoreBuilder {
        RedisStoreBuilder::at(Place::Cluster(Box::new(cluster), node))
    }

    /// A store on a connection of the application's own: a `MultiplexedConnection`, a
    /// `ConnectionManager`, a `ClusterConnection`, or one that
    /// [`opened_by`](RedisConnection::opened_by) takes from a pool.
    ///
    /// The store shares it with the application, and so does without what would disturb others. It
    /// subscribes to no notifications: a duplicate of a request that runs on another node looks for
    /// its response, after 8 ms first and at least each half second. It waits for no replicas.
    /// Where the connection has a response timeout shorter than two seconds, calls fail so much
    /// earlier. Blocking commands of others hold up its calls. The runtime that drives the
    /// connection has to be one that no handler blocks.
    pub fn builder_with_connection(connection: impl Into<RedisConnection>) -> RedisStoreBuilder {
        RedisStoreBuilder::at(Place::Connection(connection.into()))
    }

    /// Number of looks so far at claims that are waited for: does the claim still stand? Each is
    /// looked at every few seconds, and more often only while notifications are down.
    pub fn polls(&self) -> u64 {
        self.0.wakeups.looks()
    }

    async fn reply(&self, call: Call) -> Answered {
        match &self.0.calls {
            Calls::Acknowledged(calls) => calls.call(call).await?,
            Calls::Together(calls, under_way) => {
                let counted = under_way.enter();
                if counted.others() < call.verb.goes_alone_below() {
                    self.alone(&call).await
                } else {
                    calls.call(call).await?
                }
            }
            Calls::Each => self.alone(&call).await,
        }
    }

    async fn alone(&self, call: &Call) -> Answered {
        Ok(self.0.scripts.run(&self.0.client, call).await?)
    }

    /// Decision of the claim's script.
    async fn decide(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let asked = self.0.hints.now();
        let (completed, left) = match Decision::of(self.reply(Call::claim(&self.0.names, request)).await?)? {
            Decision::Replay(completed, left) => (completed, left),
            Decision::Other(claim) => return Ok(claim),
        };
        if completed.ends_with_its_replay()
            && let Some(token) = completed.token()
        {
            let hold = Hold { token, ..request.hold };
            self.0.hints.keep(Hint { hold, until: asked.after(left) });
        }
        Ok(Claim::Replay { record: completed.into_record(), left })
    }

    /// The record of an entry that was seen completed by this hold, if the entry is still there.
    ///
    /// Then nothing is left to decide: the entry is there for as long as it is replayed, and its
    /// token shows that it is the one that was seen. A user who may run the scripts need not be
    /// allowed to get many keys at once: a refusal counts as no entry.
    async fn completed_by(&self, seen: &Hold) -> Result<Option<Record>, StoreError> {
        let entry = match self.reply(Call::get(&self.0.names, seen.address)).await {
            Ok(reply) => Completed::of(reply),
            Err(refused) if refused.did_nothing() => None,
            Err(error) => return Err(error),
        };
        let entry = entry.filter(|entry| entry.is_of(seen) && entry.ends_with_its_replay());
        if entry.is_none() {
            self.0.hints.remove(&seen.address);
        }
        Ok(entry.map(Completed::into_record))
    }

    async fn call(&self, call: Call) -> Result<ScriptReply, StoreError> {
        ScriptReply::of(self.reply(call).await?)
    }
}

/// True where an entry is claimed. `None` where that cannot be known now.
async fn is_claimed(client: Arc<RedisClient>, key: Vec<u8>) -> Option<bool> {
    match client.send(Cmd::new().arg("GETRANGE").arg(key).arg(0).arg(0)).await {
        Ok(Value::BulkString(state)) => Some(state == b"C"),
        _ => None,
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        if let Some((seen, left)) = self.0.hints.find(&request.hold)
            && let Some(record) = self.completed_by(&seen).await?
        {
            return Ok(Claim::Replay { record, left });
        }
        let waiter = self.0.wakeups.listen(request.hold.address);
        let claim = self.decide(&request).await?;
        self.0.wakeups.claimed(waiter, &claim);
        Ok(claim)
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.call(Call::renew(&self.0.names, &hold, lease)).await?.read()?.into_renewal(NAME)
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let call = Call::complete(&self.0.names, &hold, &record, retention);
        let until = self.0.hints.now().after(retention.replay);
        let answer = self.call(call).await?;
        if answer.is_stored_now() && retention.remember.is_zero() {
            self.0.hints.keep(Hint { hold, until });
        }
        self.0.wakeups.notify(hold.address);
        answer.read()?.into_completion(NAME)
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.call(Call::release(&self.0.names, &hold)).await?;
        self.0.wakeups.notify(hold.address);
        Ok(())
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        self.0.hints.remove(&request.address);
        let resolve = self.call(Call::resolve(&self.0.names, &request)).await?.read()?.into_resolve(NAME)?;
        self.0.wakeups.notify(request.address);
        Ok(resolve)
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        self.look_at_all(address).await
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        self.0.hints.remove(&request.address);
        self.free(request).await
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        self.find_stuck(&request).await
    }

    async fn changed(&self, address: Address) {
        let look = is_claimed(Arc::clone(&self.0.client), self.0.names.key(address));
        self.0.wakeups.changed(address, look.map(|claimed| claimed.unwrap_or(true))).await;
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("client", &self.0.client)
            .field("wakeups", &self.0.wakeups)
            .finish_non_exhaustive()
    }
}
