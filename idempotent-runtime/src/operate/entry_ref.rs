//! How an operator says which entry is meant.

use crate::{
    idempotency::Settings,
    request::{Address, EntryName},
};

/// One entry: by the [`EntryName`] of its key, or by its [`Address`], as a list of entries shows
/// it.
#[derive(Clone, Copy, Debug)]
pub enum EntryRef<'a> {
    /// By what its address is made of, and the application's namespace.
    Name(&'a EntryName),
    /// By where it lives in the store, also if another namespace has put it there: an address does
    /// not say whose it is.
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

/// A step is nothing by itself: without it, or with another value, its key's request would go on as
/// if it had run, or had not.
const A_STEP: &str = "a step of a key lives there, which goes with its key, whose address begins alike";

impl EntryRef<'_> {
    /// Where a key's entry lives that may be ended or forgotten.
    ///
    /// # Errors
    /// Those of [`address`](Self::address), and the address of a step.
    pub(crate) fn address_of_a_key(self, settings: &Settings) -> Result<Address, &'static str> {
        let address = self.address(settings)?;
        if address.is_of_a_step() { Err(A_STEP) } else { Ok(address) }
    }

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
