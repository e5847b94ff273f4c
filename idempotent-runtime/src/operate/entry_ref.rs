//! Reference of an operator to an entry.

use crate::{
    engine::Settings,
    request::{Address, EntryName},
};

/// One entry: by the [`EntryName`] of its key, or by its [`Address`], as a list of entries shows
/// it.
#[derive(Clone, Copy, Debug)]
pub enum EntryRef<'a> {
    /// By the parts that its address is made of, and the application's namespace.
    Name(&'a EntryName),
    /// By its address in the store. It may be an entry of another namespace too: an address does
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

/// Refusal of an operator's action on a step. A step is nothing by itself: without the step, or
/// with another value, its key's request would go on as if the step had run, or had not.
const A_STEP: &str = "a step of a key lives there, which goes with its key, whose address begins alike";

impl EntryRef<'_> {
    /// Address of a key's entry that may be ended or forgotten.
    ///
    /// # Errors
    /// The errors of [`address`](Self::address), and the address of a step.
    pub(crate) fn address_of_a_key(self, settings: &Settings) -> Result<Address, &'static str> {
        let address = self.address(settings)?;
        if address.is_of_a_step() { Err(A_STEP) } else { Ok(address) }
    }

    /// Address of the entry.
    ///
    /// # Errors
    /// A key that is not valid; the text says what is wrong and what is allowed.
    pub(crate) fn address(self, settings: &Settings) -> Result<Address, &'static str> {
        match self {
            EntryRef::Name(name) => name.address(&settings.namespace, settings.key_format),
            EntryRef::Address(address) => Ok(address),
        }
    }
}
