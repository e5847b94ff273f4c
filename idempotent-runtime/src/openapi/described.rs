//! What utoipa says of a handler, where it says anything.

use std::{any::type_name, fmt, marker::PhantomData};

use utoipa::{
    Path,
    openapi::{HttpMethod, path::Operation},
};

/// A handler's operation, as `#[utoipa::path]` describes it.
pub struct Described {
    /// The handler's module: where a name is imported, the description may be another handler's.
    pub(super) module: &'static str,
    pub(super) methods: Vec<HttpMethod>,
    /// As the attributes say, without what the handler may be nested below.
    pub(super) path: String,
    pub(super) operation: Operation,
}

impl Described {
    /// Its methods, those that may have an effect by their names, and its path.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.methods.iter().map(|method| (name(method), self.path.as_str()))
    }
}

fn name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Delete => "DELETE",
        _ => "",
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Asks whether a type is one in which utoipa describes a handler.
///
/// The method is found here where the type implements [`Path`], and else in [`Undocumented`].
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

#[allow(clippy::new_without_default, reason = "only generated code asks")]
impl<T> Probe<T> {
    /// Asks of `T`.
    pub fn new() -> Self {
        Probe(PhantomData)
    }
}

impl<T: Path> Probe<T> {
    /// What utoipa says.
    pub fn documentation(&self) -> Option<Described> {
        let (module, _) = type_name::<T>().rsplit_once("::")?;
        Some(Described { module, methods: T::methods(), path: T::path(), operation: T::operation() })
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
