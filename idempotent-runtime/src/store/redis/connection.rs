//! A connection that all calls share. It is replaced where it is of no use any more.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{RedisError, RedisResult};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::failure::NAME;

/// Time that a call waits for its reply: its caller waits as long for the answer.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time that connecting may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for which an open connection is kept before a better one is sought, and time that a call
/// waits for the better one.
const PAUSE: Duration = Duration::from_millis(100);

/// Server, or cluster, that connections lead to.
pub(super) trait Server: Send + Sync + 'static {
    type Connection: Clone + Send + Sync + 'static;

    /// A new connection, driven by the present runtime.
    fn open(&self) -> impl Future<Output = RedisResult<Self::Connection>> + Send;
}

// Calls come from many runtimes, and a connection is driven by the runtime that opened it. That
// runtime may stand still, with a handler that blocks its worker, or may have ended. Then no call
// would be answered. So every connection is opened by a task on the runtime that the store was made
// on. There is one attempt at a time, and all who wait for it share its outcome.
/// The connection that leads to the server now, whichever that is.
pub(super) struct SharedConnection<S: Server> {
    server: S,
    home: Handle,
    state: Mutex<State<S::Connection>>,
}

struct State<C> {
    used: CurrentConnection<C>,
    /// Time when another connection was last sought.
    sought: Instant,
    seeking: Option<Attempt>,
}

/// The connection in use, and its number.
#[derive(Clone)]
pub(super) struct CurrentConnection<C> {
    pub(super) connection: C,
    pub(super) number: u64,
}

/// An attempt to open another connection.
type Attempt = Shared<BoxFuture<'static, Result<(), Arc<RedisError>>>>;

impl<S: Server> SharedConnection<S> {
    /// Connects, from the present runtime.
    pub(super) async fn to(server: S) -> RedisResult<Arc<Self>> {
        let used = CurrentConnection { connection: server.open().await?, number: 0 };
        let state = Mutex::new(State { used, sought: Instant::now(), seeking: None });
        Ok(Arc::new(SharedConnection { server, home: Handle::current(), state }))
    }

    pub(super) fn used(&self) -> CurrentConnection<S::Connection> {
        self.state().used.clone()
    }

    /// Leaves the connection with this number for a better one, which an earlier call may have
    /// found already. Where there is none, the connection stays in use. It is not left again and
    /// again where the new one is no better.
    pub(super) async fn leave(self: &Arc<Self>, number: u64) {
        if self.state().sought.elapsed() >= PAUSE {
            let _ = timeout(PAUSE, self.replaced(number)).await;
        }
    }

    /// Waits until there is another connection than the one with this number.
    pub(super) async fn replaced(self: &Arc<Self>, number: u64) -> RedisResult<()> {
        let Some(attempt) = self.attempt(number) else { return Ok(()) };
        let outcome =
            timeout(RESPONSE_TIMEOUT, attempt).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok(outcome.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))?)
    }

    /// The attempt to replace the connection with this number, unless that has been done.
    fn attempt(self: &Arc<Self>, number: u64) -> Option<Attempt> {
        let mut state = self.state();
        if state.used.number != number {
            return None;
        }
        // An attempt that is over and still here was cut short.
        state.seeking.take_if(|attempt| attempt.peek().is_some());
        Some(state.seeking.get_or_insert_with(|| self.begun()).clone())
    }

    fn begun(self: &Arc<Self>) -> Attempt {
        let ended = || io::Error::other("the runtime that the store was made on has ended");
        let seeking = self.home.spawn(Arc::clone(self).seek());
        seeking.map(move |sought| sought.unwrap_or_else(|_| Err(Arc::new(ended().into())))).boxed().shared()
    }

    async fn seek(self: Arc<Self>) -> Result<(), Arc<RedisError>> {
        let opened = self.server.open().await;
        let mut state = self.state();
        (state.sought, state.seeking) = (Instant::now(), None);
        let connection =
            opened.inspect_err(|error| tracing::debug!(store = NAME, %error, "cannot connect anew"))?;
        state.used = CurrentConnection { connection, number: state.used.number + 1 };
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State<S::Connection>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
