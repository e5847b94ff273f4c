//! An error in words.

use std::{error::Error, iter};

/// What an error says, and what those behind it say.
pub fn said(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
