//! Names of the keys of entries, and of the channel.

use crate::request::Address;

/// The names of keys and of the channel.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
    channel: Vec<u8>,
}

impl Names {
    pub(super) fn new(prefix: String) -> Self {
        Names { channel: format!("{prefix}:changed").into_bytes(), prefix }
    }

    /// Channel on which notifications are published.
    pub(super) fn channel(&self) -> &[u8] {
        &self.channel
    }

    /// The key of an entry.
    pub(super) fn key(&self, address: Address) -> Vec<u8> {
        self.key_of(address.as_bytes())
    }

    fn key_of(&self, bytes: &[u8]) -> Vec<u8> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
        let mut key = Vec::with_capacity(self.prefix.len() + 65);
        key.extend_from_slice(self.prefix.as_bytes());
        key.push(b':');
        for byte in bytes {
            key.extend_from_slice(&digits(byte));
        }
        key
    }

    /// The address whose entry has this key.
    pub(super) fn address(key: &[u8]) -> Option<Address> {
        str::from_utf8(key.last_chunk::<64>()?).ok()?.parse().ok()
    }

    /// The same address, if this is a key of these names.
    pub(super) fn address_of(&self, key: &[u8]) -> Option<Address> {
        Self::address(key).filter(|address| self.key(*address) == key)
    }

    /// Pattern of the keys of all entries whose addresses begin with these bytes.
    pub(super) fn pattern(&self, beginning: &[u8]) -> Vec<u8> {
        [self.key_of(beginning), b"*".to_vec()].concat()
    }
}
