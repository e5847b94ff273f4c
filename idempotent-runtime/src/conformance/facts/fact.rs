//! A fact, and the way in which a file lists its facts.

use futures_util::future::BoxFuture;

use crate::conformance::harness::{Harness, Verdict};

/// Lists facts by the names of their functions.
macro_rules! facts {
    ($($fact:ident),+ $(,)?) => {
        vec![$(Fact {
            name: stringify!($fact),
            run: |harness| Box::pin($fact(harness)),
        }),+]
    };
}

/// A function that checks the store, and its name.
pub(crate) struct Fact<S> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Harness<S>) -> BoxFuture<'static, Verdict>,
}
