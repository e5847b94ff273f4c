//! What utoipa says of a handler, where it says anything.

use std::{any::type_name, fmt, marker::PhantomData};

use utoipa::{
    Path,
    openapi::{HttpMethod, path::Operation},
};

/// A handler's operation, as `#[utoipa::path]` describes it.
pub struct Described {
    pub(super) methods: Vec<HttpMethod>,
    /// As the attributes say, without what the handler may be nested below.
    pub(super) path: String,
    pub(super) operation: Operation,
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Asks whether a type is one in which utoipa describes a handler of one module.
///
/// The method is found here where the type implements [`Path`], and else in [`Undocumented`].
#[derive(Debug)]
pub struct Probe<T> {
    module: &'static str,
    of: PhantomData<T>,
}

impl<T> Probe<T> {
    /// Asks of `T`, for a handler of this module.
    pub fn new(module: &'static str) -> Self {
        Probe { module, of: PhantomData }
    }
}

impl<T: Path> Probe<T> {
    /// What utoipa says, if it is of a handler of this module: an import may have brought in the type of another one.
    pub fn documentation(&self) -> Option<Described> {
        let (module, _) = type_name::<T>().rsplit_once("::")?;
        let described = || Described { methods: T::methods(), path: T::path(), operation: T::operation() };
        (module == self.module).then(described)
    }
}

/// What is said of a handler that utoipa does not describe.
pub trait Undocumented {
    /// Nothing.
    fn documentation(&self) -> Option<Described> {
        None
    }
}

impl<T> Undocumented for Probe<T> {}
