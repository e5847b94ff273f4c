//! Slots of a cluster.

use redis::Value;

const SLOTS: u16 = 16_384;

/// The slot of a key without braces: its CRC-16 (XMODEM), less the uppermost bits.
pub(super) fn slot(key: &[u8]) -> u16 {
    let shifted = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
    let crc = key.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, shifted));
    crc % SLOTS
}

/// The parts of an array; of anything else none.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_server() {
        // As `CLUSTER KEYSLOT` says.
        for (key, of) in [("123456789", 12_739), ("foo", 12_182), ("", 0)] {
            assert_eq!(slot(key.as_bytes()), of, "{key}");
        }
    }
}
