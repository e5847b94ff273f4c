//! How an operator says which entry is meant.

use crate::{
    idempotency::Settings,
    request::{Address, EntryName},
};

/// One entry: by the [`EntryName`] of its key, or by its [`Address`], as a list of entries shows it.
#[derive(Clone, Copy, Debug)]
pub enum EntryRef<'a> {
    /// By what its address is made of.
    Name(&'a EntryName),
    /// By where it lives.
    Address(Address),
}

impl<'a> From<&'a EntryName> for EntryRef<'a> {
    fn from(name: &'a EntryName) -> Self {
        EntryRef::Name(name)
    }
}

impl From<Address> for EntryRef<'_> {
    fn from(address: Address) -> Self {
        EntryRef::Address(address)
    }
}

impl EntryRef<'_> {
    /// Where the entry lives.
    ///
    /// # Errors
    /// Where its key is not one; the text says what is wrong and what is allowed.
    pub(crate) fn address(self, settings: &Settings) -> Result<Address, &'static str> {
        match self {
            EntryRef::Name(name) => name.address(&settings.namespace, settings.key_format),
            EntryRef::Address(address) => Ok(address),
        }
    }
}
