//! A step's value, as it is recorded.

use serde::{Serialize, de::DeserializeOwned};

use super::CheckpointFailure;
use crate::{record, store::Record};

/// Longest value that is recorded, in bytes of JSON.
const LONGEST: usize = 64 * 1024;

/// Makes the record that says that a step has run, with its value. Where the record is without the
/// value, the error says why.
pub(super) fn written(value: &impl Serialize) -> (Record, Result<(), CheckpointFailure>) {
    let without = |failure| (record::of_nothing(), Err(failure));
    match serde_json::to_vec(value) {
        Ok(json) if json.len() > LONGEST => without(CheckpointFailure::TooLarge { bytes: json.len() }),
        Ok(json) => (record::of_value(&json), Ok(())),
        Err(error) => without(CheckpointFailure::Json(error)),
    }
}

/// Reads the value that was recorded.
pub(super) fn read<T: DeserializeOwned>(record: &Record) -> Result<T, CheckpointFailure> {
    match record::read_value(record) {
        Ok(Some(json)) => serde_json::from_slice(json).map_err(CheckpointFailure::Json),
        Ok(None) => Err(CheckpointFailure::Lost),
        Err(_) => Err(CheckpointFailure::Unreadable),
    }
}
