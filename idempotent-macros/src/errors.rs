//! Mistakes are collected, so that one build tells all of them.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use quote::ToTokens;
use syn::Error;

/// Collects the mistakes found in one use of the attribute.
///
/// Its creator has to [`check`](Self::check) it: a forgotten check would turn wrong use into
/// silence.
#[derive(Default)]
pub(crate) struct Ctxt {
    errors: RefCell<Vec<Error>>,
    checked: Cell<bool>,
}

impl Ctxt {
    /// Adds a mistake that points at `tokens`.
    pub(crate) fn error(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Adds a mistake that already knows what it points at.
    pub(crate) fn push(&self, error: Error) {
        self.errors.borrow_mut().push(error);
    }

    /// Every mistake found, as one error, or nothing.
    pub(crate) fn check(self) -> Result<(), Error> {
        self.checked.set(true);
        let all = self.errors.take().into_iter().reduce(|mut all, next| {
            all.combine(next);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

impl Drop for Ctxt {
    fn drop(&mut self) {
        debug_assert!(self.checked.get() || std::thread::panicking(), "mistakes were never checked");
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::*;

    #[test]
    #[should_panic(expected = "mistakes were never checked")]
    fn forgetting_to_check_panics() {
        Ctxt::default().error(TokenStream::new(), "nobody will read this");
    }

    #[test]
    fn every_mistake_is_told() {
        let cx = Ctxt::default();
        cx.error(TokenStream::new(), "one");
        cx.error(TokenStream::new(), "two");
        let told: Vec<_> = cx.check().unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(told, ["one", "two"]);
    }
}
