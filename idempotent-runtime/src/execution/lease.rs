//! Keeps the leases of what runs, from a thread of its own: a handler that blocks its worker keeps its claim all the same.
//!
//! The flights under way are looked through every twelfth of a lease. What has run for a third of a lease is renewed, and
//! renewed again after every further third, until it has left the table. An execution that is done sooner costs nothing.

use std::{
    collections::HashMap,
    io,
    sync::{LazyLock, Weak},
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    runtime,
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    idempotency::{Idempotency, Inner},
    observe::Sampling,
    store::{Hold, Renewal, Token},
};

/// Keeps the leases of everything that runs under `app`, for as long as anybody holds it.
pub(crate) fn keep_all(app: &Idempotency) {
    match &*KEEPER {
        Ok(keeper) => {
            let _ = keeper.send(std::sync::Arc::downgrade(&app.0));
        }
        Err(error) => tracing::error!(%error, "no lease is renewed: there is no thread for it"),
    }
}

type App = Weak<Inner>;

/// The thread that keeps leases, one for the process.
static KEEPER: LazyLock<io::Result<mpsc::UnboundedSender<App>>> = LazyLock::new(|| {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (keeper, apps) = mpsc::unbounded_channel();
    let keep = move || runtime.block_on(keep_each(apps));
    thread::Builder::new().name("idempotent-leases".into()).spawn(keep)?;
    Ok(keeper)
});

async fn keep_each(mut apps: mpsc::UnboundedReceiver<App>) {
    while let Some(app) = apps.recv().await {
        tokio::spawn(keep(app));
    }
}

async fn keep(app: App) {
    let (mut leases, mut sampling) = (Leases::default(), Sampling::default());
    while let Some(app) = app.upgrade() {
        leases.look(&app).await;
        sampling.tell(&app);
        let pause = app.settings.lease / 12;
        // What has been dropped meanwhile is gone.
        drop(app);
        sleep(pause).await;
    }
}

/// Since when the lease of each running claim runs, as far as this thread knows. `None`: the claim is lost.
#[derive(Default)]
struct Leases(HashMap<Token, Option<Instant>>);

impl Leases {
    /// Renews what is due. A renewal that fails is tried again at the next look.
    async fn look(&mut self, app: &Inner) {
        let running = app.flights.running();
        let now = Instant::now();
        let known = std::mem::take(&mut self.0);
        let since = |hold: &Hold| known.get(&hold.token).copied().unwrap_or(Some(now));
        self.0 = running.iter().map(|hold| (hold.token, since(hold))).collect();
        let third = app.settings.lease / 3;
        let due = |hold: &&Hold| self.0[&hold.token].is_some_and(|since| since + third <= now);
        let renewals = running.iter().filter(due).map(|hold| renewed(app, *hold, app.settings.lease));
        for (token, since) in join_all(renewals).await.into_iter().flatten() {
            self.0.insert(token, since);
        }
    }
}

/// Since when the lease runs now; nothing is known where the store failed.
async fn renewed(app: &Inner, hold: Hold, lease: Duration) -> Option<(Token, Option<Instant>)> {
    let now = Instant::now();
    match app.store.renew(hold, lease).await {
        Ok(Renewal::Renewed) => {
            app.background.renewed();
            Some((hold.token, Some(now)))
        }
        Ok(Renewal::Fenced) => {
            // A claim that has just been completed is fenced too, and nothing is wrong.
            if app.flights.runs(&hold) {
                tracing::warn!(address = ?hold.address, "a running execution has lost its claim");
            }
            Some((hold.token, None))
        }
        Err(error) => {
            app.background.renewal_failed();
            tracing::warn!(%error, address = ?hold.address, "a lease could not be renewed, trying again");
            None
        }
    }
}
