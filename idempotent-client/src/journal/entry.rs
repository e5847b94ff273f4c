//! The text of one key's file: a version, a checksum and the key.
//!
//! `1 2a4b6c8d 0190a5f2-b8c9-7d3e-8f6a-1b2c3d4e5f60` and a line feed. The checksum is CRC-32 over
//! the operation's name and the key, so that neither half a key nor another operation's is taken
//! for this one's.

use std::fmt;

use crate::Key;

const VERSION: &str = "1";

/// The text that is written for the key of an operation.
pub(super) fn write(operation: &str, key: &Key) -> String {
    let mut checksum = crc32fast::Hasher::new();
    // A name of 1 to 100 bytes.
    checksum.update(&operation.len().to_le_bytes()[..1]);
    checksum.update(operation.as_bytes());
    checksum.update(key.as_str().as_bytes());
    format!("{VERSION} {:08x} {key}\n", checksum.finalize())
}

/// The key of an operation, from exactly the text that was written for it.
pub(super) fn read(operation: &str, text: &[u8]) -> Result<Key, Damaged> {
    let key = key_in(text).ok_or(Damaged)?;
    if write(operation, &key).as_bytes() == text { Ok(key) } else { Err(Damaged) }
}

fn key_in(text: &[u8]) -> Option<Key> {
    let key = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.splitn(3, ' ').nth(2)?;
    Key::new(key).ok()
}

/// A file that does not hold what was written for its operation.
#[derive(Debug)]
pub(super) struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it is damaged, or of another release, and the key in it may have been sent; \
             find out whether the operation took effect, and then remove the file",
        )
    }
}

impl std::error::Error for Damaged {}
