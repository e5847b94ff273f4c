//! The question to the application, with no request at hand.

use std::{borrow::Cow, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    task::{LocalSet, spawn_blocking},
    time::timeout,
};

use crate::{
    engine::{Idempotency, Settings},
    execution::{RECONCILE_TIMEOUT, message},
    reconcile::{AbandonedExecution, Resolution},
    request::Address,
    store::Record,
};

/// An execution that died, without its request.
#[derive(Clone, Debug)]
pub(crate) struct Dead {
    pub(crate) address: Address,
    pub(crate) endpoint: Cow<'static, str>,
    /// True for an operation: its outcome is a value, and a request's is a response.
    pub(crate) is_operation: bool,
    /// Number of attempts that were made.
    pub(crate) attempt: u32,
    pub(crate) age: Option<Duration>,
}

/// Decision of the application, as what is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The key is free.
    Rerun,
    /// There is no outcome to be known.
    Refuse,
    /// This is the outcome.
    Record(Record),
}

/// Asks the application. `None` if it brings no answer, which is logged.
///
/// The application's future need not be `Send`. So it is polled on a thread for work that blocks,
/// with the timers and the connections of the caller's runtime.
pub(crate) async fn ask(app: &Idempotency, dead: Dead) -> Option<Verdict> {
    let (app, asked, runtime) = (app.clone(), dead.clone(), Handle::current());
    let answer = spawn_blocking(move || {
        let local = LocalSet::new();
        runtime.block_on(local.run_until(decided(&app, asked)))
    });
    let why = match answer.await {
        Ok(Ok(verdict)) => return Some(verdict),
        Ok(Err(why)) => why,
        Err(error) => error.to_string(),
    };
    let Dead { address, endpoint, .. } = dead;
    tracing::error!(%endpoint, %address, why, "an abandoned execution was not reconciled: the next takeover asks again");
    None
}

async fn decided(app: &Idempotency, dead: Dead) -> Result<Verdict, String> {
    let settings = &app.0.settings;
    let reconcile = settings.reconcile.as_deref().ok_or("there is nobody to ask")?;
    let Dead { address, endpoint, is_operation, attempt, age } = dead;
    let abandoned = AbandonedExecution { address, endpoint, attempt, age, request: None };
    // The body of a response is the application's too, and may stand still.
    let told = async { verdict(reconcile.ask(&abandoned).await, is_operation, settings).await };
    match timeout(RECONCILE_TIMEOUT, AssertUnwindSafe(told).catch_unwind()).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(panicked)) => Err(message(&*panicked).to_owned()),
        Err(_) => Err(format!("no answer in {RECONCILE_TIMEOUT:?}")),
    }
}

async fn verdict(resolution: Resolution, is_operation: bool, settings: &Settings) -> Result<Verdict, String> {
    match resolution {
        Resolution::Rerun => Ok(Verdict::Rerun),
        Resolution::Refuse => Ok(Verdict::Refuse),
        Resolution::Later => Err("the application cannot tell now".to_owned()),
        Resolution::Complete(_) if is_operation => {
            Err("`Resolution::Complete` is no value of an operation".to_owned())
        }
        Resolution::Value(_) if !is_operation => {
            Err("`Resolution::Value` is no response to a request".to_owned())
        }
        outcome => match outcome.record(settings).await {
            Ok(Some(record)) => Ok(Verdict::Record(record)),
            Ok(None) => Ok(Verdict::Rerun),
            Err(error) => Err(error.to_string()),
        },
    }
}
