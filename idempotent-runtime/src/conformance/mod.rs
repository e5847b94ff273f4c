//! The duties of every store, as a suite that a store's author runs. Feature `conformance`.
//!
//! One line per store:
//!
//! ```
//! use std::future::ready;
//!
//! use idempotent_runtime::{ManualClock, MemoryStore, conformance::{Subject, check}};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! let clock = ManualClock::new();
//! let store = MemoryStore::builder().clock(clock.clone()).build();
//! check(Subject::new(move || ready(store.clone())).clock(clock)).await.assert();
//! # })
//! ```
//!
//! A store that counts time by its server's clock has no clock to give, and the suite sleeps
//! instead:
//! `check(Subject::new(|| async { MyStore::connect(URL).await.unwrap() })).await.assert()`.
//!
//! Beside the facts the suite sends the store random sequences of calls, 100,000 in all, and
//! compares each answer with that of [`store::entry`](crate::store::entry). A sequence that is
//! answered wrongly is made as small as it can be, and reported call by call, with its seed. The
//! environment's variable `SEQUENCE_CALLS` asks for more calls, and `SEQUENCE_SEED` for those of a
//! seed. See [`Subject::calls`] and [`Subject::seed`].
//!
//! Every fact uses random addresses of its own, so the suite can run on a server that others use.
//! It leaves its entries behind. All of them expire within an hour or two.
//!
//! # What is not checked
//!
//! The suite does not crash a store, make a server fail over or fill a disk. It does not check a
//! store's behaviour when its server does not answer. It does not count the round trips per verb.

mod facts;
mod harness;
mod report;
mod sequences;
mod subject;

use std::{sync::Arc, time::Duration};

use tokio::{runtime::RuntimeFlavor, task::JoinHandle, time::timeout};

use self::{
    facts::Fact,
    harness::{Harness, Verdict},
};
pub use self::{
    report::{Failure, Report},
    subject::Subject,
};
use crate::store::Store;

/// Time that one fact may take.
const FACT_LIMIT: Duration = Duration::from_secs(120);

/// Checks every fact against `subject`, and reports those that do not hold.
///
/// Must be called on a multi-thread tokio runtime with its timer enabled: simultaneous claims that
/// do not run at the same time prove nothing.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn check<S: Store>(subject: Subject<S>) -> Report {
    let subject = Arc::new(subject);
    let mut report = Report::new(subject.open().await.name());
    let flavor = tokio::runtime::Handle::current().runtime_flavor();
    if flavor == RuntimeFlavor::CurrentThread {
        report.add("the_suite_runs_on_several_threads", Err("this runtime has one".to_owned()));
    }
    let sequences = tokio::spawn(sequences::check(Arc::clone(&subject)));
    let (alone, racing) = (facts::alone(&subject), facts::racing(&subject));
    if subject.moves_time_for_all() {
        // A sequence must not see time pass that a fact lets pass.
        let outcome = sequences.await;
        for fact in alone.into_iter().chain(racing) {
            report.add(fact.name, verdict(start(&fact, &subject)).await);
        }
        report.add_sequences(outcome);
        return report;
    }
    // Where time passes by itself, all these facts wait at the same time.
    let started: Vec<_> = alone.iter().map(|fact| (fact.name, start(fact, &subject))).collect();
    for (name, running) in started {
        report.add(name, verdict(running).await);
    }
    report.add_sequences(sequences.await);
    for fact in racing {
        report.add(fact.name, verdict(start(&fact, &subject)).await);
    }
    report
}

type Running = JoinHandle<Result<Verdict, tokio::time::error::Elapsed>>;

fn start<S: Store>(fact: &Fact<S>, subject: &Arc<Subject<S>>) -> Running {
    let (run, subject) = (fact.run, Arc::clone(subject));
    tokio::spawn(timeout(FACT_LIMIT, async move { run(Harness::open(subject).await).await }))
}

async fn verdict(running: Running) -> Verdict {
    match running.await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(format!("it was not done after {} s", FACT_LIMIT.as_secs())),
        Err(panicked) => Err(panicked.to_string()),
    }
}
