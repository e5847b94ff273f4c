//! Hashes as operators see and write them: sixteen hexadecimal digits.

/// Number that sixteen digits from 0 to 9 and a to f stand for. Capitals are accepted too.
pub(super) fn parsed(text: &str) -> Option<u64> {
    let is_one = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// Number that the first eight bytes of a hash stand for.
pub(super) fn of_hash(hash: [u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
