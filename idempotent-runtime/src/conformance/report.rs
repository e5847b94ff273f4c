//! Result of the suite.

use std::fmt;

use tokio::task::JoinError;

use super::sequences;

/// The facts that do not hold for a store.
#[derive(Clone, Debug)]
pub struct Report {
    store: &'static str,
    facts: usize,
    calls: usize,
    failures: Vec<Failure>,
}

/// A fact that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The fact, as a sentence with underscores: the name of the function that checks it.
    pub fact: &'static str,
    /// Description of what was found instead.
    pub reason: String,
}

impl Report {
    pub(super) fn new(store: &'static str) -> Self {
        Report { store, facts: 0, calls: 0, failures: Vec::new() }
    }

    pub(super) fn add(&mut self, fact: &'static str, verdict: Result<(), String>) {
        self.facts += 1;
        self.failures.extend(verdict.err().map(|reason| Failure { fact, reason }));
    }

    /// Adds what became of the random sequences.
    pub(super) fn add_sequences(&mut self, outcome: Result<sequences::Outcome, JoinError>) {
        let (calls, verdict) = outcome.unwrap_or_else(|panicked| (0, Err(panicked.to_string())));
        self.calls += calls;
        self.add(sequences::FACT, verdict);
    }

    /// Number of calls that random sequences made.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Number of facts checked.
    pub fn facts(&self) -> usize {
        self.facts
    }

    /// The facts that do not hold, in the order of the suite. Empty for a store that conforms.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Does nothing for a store that conforms.
    ///
    /// # Panics
    /// The store does not conform. The message lists the facts that do not hold.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failures.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { store, facts, failures, .. } = self;
        write!(f, "the {store} store fails {} of {facts} facts", failures.len())?;
        for Failure { fact, reason } in failures {
            write!(f, "\n  {}: {reason}", fact.replace('_', " "))?;
        }
        Ok(())
    }
}
