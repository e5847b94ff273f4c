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
pub(in crate::conformance) struct Fact<S> {
    pub(in crate::conformance) name: &'static str,
    pub(in crate::conformance) run: fn(Harness<S>) -> BoxFuture<'static, Verdict>,
}
