//! A step that runs once per key, and whose result every later attempt gets.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    error::{CheckpointError, CheckpointFailure},
    state::State,
    step_claim::{RunningStep, StepClaim},
    value,
};
use crate::execution::CompletionOutcome;

// A step is an entry of its own in the store. Its address is made of its execution's address and
// fingerprint and of its name. The store's verbs move it as they move any other entry, so it
// survives what the store survives:
//
//   vacant  ─ claimed, and the execution's claim stands ────▶ running
//           ─ claimed, but the execution has lost its claim ▶ vacant
//   running ─ Ok ─────────────────────▶ recorded: every later attempt gets it
//           ─ Err, panicked, dropped ─▶ vacant: the next attempt runs it
//           ─ its process died, and the lease has run out ─▶ running, elsewhere
//           ─ renewed like any lease, since the step leads a flight ─▶ running
//
// An attempt that finds it running waits until it is not, or its lease has run out, and claims
// again. The execution's claim is looked at last, after the step's has been won: between the look
// and the step is nothing that takes time.
impl State {
    /// Runs `step` once per key, and returns its recorded result on every later attempt.
    pub(super) async fn checkpoint<T, E>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CheckpointError<E>>
    where
        T: Serialize + DeserializeOwned,
    {
        self.steps.take(name)?;
        let running = match StepClaim::come(self, name).await? {
            StepClaim::Won(running) => running,
            StepClaim::Recorded(record) => return Ok(value::read(&record)?),
        };
        match step.await {
            Ok(value) => Ok(recorded(running, &value, name).await?),
            Err(error) => {
                running.given_up().await;
                Err(CheckpointError::Step(error))
            }
        }
    }
}

/// Records the value, and returns it as it is recorded; or as somebody else has recorded it
/// meanwhile.
async fn recorded<T>(running: RunningStep, value: &T, name: &str) -> Result<T, CheckpointFailure>
where
    T: Serialize + DeserializeOwned,
{
    let (record, written) = value::written(value);
    let completed = running.over(record.clone()).await;
    if let Err(failure) = &written {
        tracing::error!(%failure, checkpoint = name, "a step has run, and its value is not recorded");
    }
    match completed {
        CompletionOutcome::Fenced(Some(winner)) => value::read(&winner),
        CompletionOutcome::Fenced(None) => Err(CheckpointFailure::Fenced),
        CompletionOutcome::Stored | CompletionOutcome::Late => written.and_then(|()| value::read(&record)),
    }
}
