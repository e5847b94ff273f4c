//! Shutting down without losing executions.

use std::{future::poll_fn, io, pin::pin, slice, sync::Arc, task::Poll, time::Duration};

use actix_web::dev::Server;
use futures_util::future::{join, join_all};
use tokio::time::timeout;

use super::handles::Shutdown;
use crate::engine::{Executions, Idempotency};

/// Result of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Nothing runs any more.
    Complete,
    /// Something has not ended.
    TimedOut {
        /// Number of executions that run, and of claims that wait for their answer or to be
        /// released. A stop would now lose them.
        running: usize,
    },
}

impl Idempotency {
    /// Refuses new keys with `shutting_down` from now on, and waits until nothing runs, at most for
    /// `limit`.
    ///
    /// Requests that have been answered are still replayed. There is no way back.
    pub async fn drain(&self, limit: Duration) -> Drained {
        let executions = slice::from_ref(&self.0.executions);
        executions[0].drain();
        drained(executions, limit).await
    }
}

/// Waits until none of these executions runs, at most for `limit`.
async fn drained(all: &[Arc<Executions>], limit: Duration) -> Drained {
    match timeout(limit, join_all(all.iter().map(|executions| executions.ended()))).await {
        Ok(_) => Drained::Complete,
        Err(_) => Drained::TimedOut { running: all.iter().map(|executions| executions.running()).sum() },
    }
}

/// Warns of the loss when a stop comes while `running` executions have not ended.
fn warn_of_loss(all: &[Arc<Executions>], running: usize) {
    let begun: usize = all.iter().map(|executions| executions.begun()).sum();
    if begun > 0 {
        tracing::warn!(running = begun, "stopping while executions run; their keys will be outcome_unknown");
    }
    let claims = running.saturating_sub(begun);
    if claims > 0 {
        tracing::warn!(
            claims,
            "stopping before claims that ran nothing are released; they end with their leases"
        );
    }
}

/// Runs `server` so that SIGTERM, or Ctrl-C, drains `idempotency` and every other handle of the
/// process for at most `limit`, and then stops the server gracefully.
///
/// After a second signal this function returns at once, and executions that still run are lost when
/// `main` returns.
///
/// While it drains, the server goes on accepting connections. New keys are answered 503
/// `shutting_down` with `Connection: close`, so that a client tries another server at once.
/// Requests that have been answered are replayed, and all other routes are served. After the drain
/// new connections are refused.
///
/// The server must leave the signals to this function: call `HttpServer::disable_signals` before
/// `run`.
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
/// Errors of the server, and of installing a signal handler.
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
    let shutdown = Shutdown::begin();
    // The server obeys only while it is polled, so it is polled until the end.
    let stopped = async {
        let drained = drained(shutdown.executions(), limit).await;
        if let Drained::TimedOut { running } = drained {
            warn_of_loss(shutdown.executions(), running);
        }
        handle.stop(drained == Drained::Complete).await;
    };
    let ended = until_signal(join(server, stopped), &mut signals).await;
    drop(idempotency);
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
