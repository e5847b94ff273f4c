use std::{borrow::Cow, fmt};

/// The name under which the key of a request is kept in a [`Journal`](crate::Journal). It says what
/// the request is about, in the application's words.
///
/// It goes with a request as an extension (`.with_extension(Operation::named("order-42"))`).
/// Requests of the same name have the same key, in this process and in the next one, until the
/// application says [`forget`](crate::Journal::forget); so they have to be the same request.
///
/// Only POST and PATCH requests get keys. On any other request, and beside a key that is set by
/// hand, an operation is an error, and nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation(Cow<'static, str>);

impl Operation {
    /// The operation of this name.
    pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Operation(name.into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
