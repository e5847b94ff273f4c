//! Descriptions of handlers that utoipa has made.

use std::{any::type_name, fmt, marker::PhantomData};

use utoipa::{
    Path,
    openapi::{HttpMethod, path::Operation},
};

/// Operation of a handler, as `#[utoipa::path]` describes it.
pub struct Described {
    /// Module of the handler: where a name is imported, the description may be another handler's.
    pub(crate) module: &'static str,
    pub(crate) methods: Vec<HttpMethod>,
    /// Path as the attributes say, without the prefixes below which the handler may be nested.
    pub(crate) path: String,
    pub(crate) operation: Operation,
}

impl Described {
    /// Methods of the operation, each with its path. A method that has no effect has an empty name.
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

/// Finds out if a type is one in which utoipa describes a handler.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

#[allow(clippy::new_without_default, reason = "only generated code asks")]
impl<T> Probe<T> {
    /// Makes a probe of `T`.
    pub fn new() -> Self {
        Probe(PhantomData)
    }
}

impl<T: Path> Probe<T> {
    /// Description that utoipa has made.
    pub fn documentation(&self) -> Option<Described> {
        let (module, _) = type_name::<T>().rsplit_once("::")?;
        Some(Described { module, methods: T::methods(), path: T::path(), operation: T::operation() })
    }
}

/// Answer for a handler that utoipa does not describe.
pub trait Undocumented {
    /// Returns nothing.
    fn documentation(&self) -> Option<Described> {
        None
    }
}

impl<T> Undocumented for Probe<T> {}
