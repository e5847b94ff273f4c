//! Keeps the leases of claims, from a thread of its own. A handler that blocks its worker keeps its
//! claim all the same, and so do the claims that wait for an answer behind it.

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

use super::sampling::Sampling;
use crate::{
    engine::{Engine, Idempotency},
    flight::{ClaimStage, KeptClaim},
    store::{Renewal, Token},
};

/// Keeps the leases of what is claimed under `app`, from its first claim on.
pub(crate) fn keep_leases(app: &Idempotency) {
    app.0.keeping.call_once(|| keep_all(app));
}

/// Keeps the leases of all claims under `app`, until the last handle of `app` is dropped.
fn keep_all(app: &Idempotency) {
    match &*KEEPER {
        Ok(keeper) => {
            let _ = keeper.send(std::sync::Arc::downgrade(&app.0));
        }
        Err(error) => tracing::error!(%error, "no lease is renewed: there is no thread for it"),
    }
}

type App = Weak<Engine>;

/// Thread that keeps leases, one per process.
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
        // An `app` that was dropped meanwhile is gone at the next look.
        drop(app);
        sleep(pause).await;
    }
}

/// Time since when the lease of each claim runs, as far as this thread knows. `None`: the claim is
/// lost.
#[derive(Default)]
struct Leases(HashMap<Token, Option<Instant>>);

impl Leases {
    /// Renews the leases that are due. A renewal that fails is tried again at the next look.
    async fn look(&mut self, app: &Engine) {
        let kept = app.flights.kept();
        let now = Instant::now();
        let known = std::mem::take(&mut self.0);
        let since = |token: &Token| known.get(token).copied().unwrap_or(Some(now));
        self.0 = kept.iter().map(|claim| (claim.hold.token, since(&claim.hold.token))).collect();
        let third = app.settings.lease / 3;
        let due = |claim: &&KeptClaim| self.0[&claim.hold.token].is_some_and(|since| since + third <= now);
        let renewals = kept.iter().filter(due).map(|claim| renewed(app, *claim, app.settings.lease));
        for (token, since) in join_all(renewals).await.into_iter().flatten() {
            self.0.insert(token, since);
        }
    }
}

/// Renews one lease, and tells since when it runs now. `None` where the store failed, since nothing
/// is known then.
async fn renewed(app: &Engine, claim: KeptClaim, lease: Duration) -> Option<(Token, Option<Instant>)> {
    let KeptClaim { hold, stage } = claim;
    let now = Instant::now();
    match app.store.renew(hold, lease).await {
        Ok(Renewal::Renewed) => {
            app.background.renewed();
            Some((hold.token, Some(now)))
        }
        // The claim may not have been carried out yet, and be won all the same.
        Ok(Renewal::Fenced) if stage == ClaimStage::Sent => None,
        Ok(Renewal::Fenced) => {
            // A claim that its own execution has ended is fenced too, and nothing is wrong.
            if app.flights.runs(&hold) {
                tracing::warn!(address = %hold.address, "a running execution has lost its claim");
            }
            Some((hold.token, None))
        }
        Err(error) => {
            app.background.renewal_failed();
            tracing::warn!(%error, address = %hold.address, "a lease could not be renewed, trying again");
            None
        }
    }
}
