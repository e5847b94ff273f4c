//! An error in words.

use std::{error::Error, iter};

/// Text of an error, and of those behind it.
pub fn said(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
