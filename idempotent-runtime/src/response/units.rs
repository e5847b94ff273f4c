//! Lengths and times as a client reads them.

use std::{fmt, time::Duration};

/// A length in the largest unit that it is a whole number of.
pub(super) struct Bytes(pub(super) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: usize = 1 << 10;
        const MIB: usize = 1 << 20;
        match self.0 {
            1 => f.write_str("1 byte"),
            bytes if bytes.is_multiple_of(MIB) => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes.is_multiple_of(KIB) => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

/// A time in the largest unit that it is a whole number of.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
        let seconds = if self.0.subsec_nanos() == 0 { self.0.as_secs() } else { 0 };
        match units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit)) {
            Some((unit, name)) if seconds == unit => write!(f, "1 {name}"),
            Some((unit, name)) => write!(f, "{} {name}s", seconds / unit),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_told_in_its_largest_unit() {
        let rows = [(1, "1 byte"), (1_500, "1500 bytes"), (1 << 10, "1 KiB"), (3 << 20, "3 MiB")];
        for (bytes, text) in rows {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        for (seconds, text) in [(86_400, "1 day"), (604_800, "7 days"), (129_600, "36 hours"), (90, "90s")] {
            assert_eq!(Time(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(Time(Duration::from_secs(60)).to_string(), "1 minute");
        assert_eq!(Time(Duration::from_millis(60_001)).to_string(), "60.001s");
        assert_eq!(Time(Duration::ZERO).to_string(), "0ns");
    }
}
