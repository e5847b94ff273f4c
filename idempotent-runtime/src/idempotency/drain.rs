//! Shutting down without losing what runs: actix counts connections, this counts executions.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use actix_web::dev::Server;
use tokio::{sync::Notify, time::timeout};

use super::Idempotency;

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Nothing runs any more.
    Complete,
    /// That many executions still run.
    TimedOut {
        /// Executions that a stop would now lose.
        running: usize,
    },
}

/// The executions of this process. One is counted from before its claim until its response is recorded, or its key given
/// back; it looks whether a drain has begun after it is counted, so a drain that has counted none misses none.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    draining: AtomicBool,
    running: AtomicUsize,
    ended: Notify,
}

impl Executions {
    /// Counts one execution.
    pub(crate) fn count(self: &Arc<Self>) -> Executing {
        self.running.fetch_add(1, SeqCst);
        Executing(Arc::clone(self))
    }

    /// How many run now.
    pub(crate) fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One execution that counts.
#[derive(Debug)]
pub(crate) struct Executing(Arc<Executions>);

impl Executing {
    /// Whether a drain has begun, so that nothing new may run.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(SeqCst)
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, SeqCst) == 1 && self.0.draining.load(SeqCst) {
            self.0.ended.notify_waiters();
        }
    }
}

impl Idempotency {
    /// Refuses new keys with `shutting_down` from now on, and waits until nothing runs, at most for `limit`.
    ///
    /// What has been answered is still replayed. There is no way back.
    pub async fn drain(&self, limit: Duration) -> Drained {
        let executions = &self.0.executions;
        executions.draining.store(true, SeqCst);
        match timeout(limit, executions.ended()).await {
            Ok(()) => Drained::Complete,
            Err(_) => Drained::TimedOut { running: executions.running.load(SeqCst) },
        }
    }
}

/// Runs `server` so that SIGTERM, or Ctrl-C, pauses it, drains `idempotency` for at most `limit`, and then stops it
/// gracefully. After a second signal it returns at once, and what runs is lost when `main` does.
///
/// Other handles of the process, such as a scope's own, are drained by calling [`Idempotency::drain`] on them.
///
/// The server must leave the signals to this function: call `HttpServer::disable_signals` before `run`.
///
/// ```no_run
/// use std::time::Duration;
///
/// use actix_web::{App, HttpServer};
/// use idempotent_runtime::{BuildError, Idempotency, serve};
///
/// # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::builder().build()?;
/// let data = idempotency.clone();
/// let server = HttpServer::new(move || App::new().app_data(data.clone()))
///     .bind(("127.0.0.1", 8080))?
///     .disable_signals()
///     .run();
/// serve(server, idempotency, Duration::from_secs(30)).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Those of the server, and those of installing a signal handler.
pub async fn serve(server: Server, idempotency: Idempotency, limit: Duration) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let handle = server.handle();
    let mut server = pin!(server);
    let first = poll_fn(|context| match server.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => signals.poll(context).map(|()| None),
    });
    if let Some(ended) = first.await {
        return ended;
    }
    tracing::info!("signal received: no new keys, waiting for running executions");
    // The server obeys only while it is polled, so it is polled until the end.
    let stopped = async {
        handle.pause().await;
        let drained = idempotency.drain(limit).await;
        if drained != Drained::Complete {
            tracing::warn!(?drained, "stopping while executions run; their keys will be outcome_unknown");
        }
        handle.stop(drained == Drained::Complete).await;
    };
    let ended = until_signal(futures_util::future::join(server, stopped), &mut signals).await;
    ended.map_or_else(second_signal, |(ended, ())| ended)
}

fn second_signal() -> io::Result<()> {
    tracing::warn!("second signal received: stopping at once");
    Ok(())
}

async fn until_signal<T>(work: impl Future<Output = T>, signals: &mut Signals) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => signals.poll(context).map(|()| None),
    })
    .await
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals(vec![signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]))
    }

    fn poll(&mut self, context: &mut std::task::Context<'_>) -> Poll<()> {
        let ready = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    fn poll(&mut self, context: &mut std::task::Context<'_>) -> Poll<()> {
        self.0.poll_recv(context).map(|_| ())
    }
}
