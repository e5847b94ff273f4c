//! Names of an execution's steps.

use super::error::CheckpointFailure;
use crate::sync::{Mutex, lock};

/// Greatest number of steps of one execution.
const MOST: usize = 32;
/// Longest name of a step, in characters.
const LONGEST_NAME: usize = 64;

/// Steps that an execution has come to, by their names. Most executions have none, and that costs
/// no allocation.
#[derive(Debug, Default)]
pub(super) struct Steps(Mutex<Vec<String>>);

impl Steps {
    /// Takes note of a step.
    ///
    /// # Errors
    /// A name that is not valid or was used before, or one step more than allowed.
    pub(super) fn take(&self, name: &str) -> Result<(), CheckpointFailure> {
        let length = name.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) {
            return Err(CheckpointFailure::Name { length });
        }
        let mut names = lock(&self.0);
        if names.iter().any(|known| known == name) {
            return Err(CheckpointFailure::Twice { name: name.to_owned() });
        }
        if names.len() == MOST {
            return Err(CheckpointFailure::TooMany);
        }
        names.push(name.to_owned());
        Ok(())
    }
}
