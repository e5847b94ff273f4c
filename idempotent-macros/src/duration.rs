//! Durations as people write them: `"90s"`, `"24h"`, `"1h 30m"`.
//!
//! The grammar is humantime's, restricted to whole numbers of seconds, minutes, hours and days.
//! Everything longer has no fixed length, and everything shorter is below what a retry can notice.

use std::fmt;
use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// A hundred years: more would overflow the dates of some stores.
const LONGEST_SECS: u64 = 36_500 * 86_400;

/// Reason why a text is not a duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    Empty,
    NoNumber(String),
    NoUnit(String),
    NotWhole,
    UnknownUnit(String),
    TooLong,
}

/// Reads one or more `number unit` pairs and adds them up.
pub(crate) fn parse(text: &str) -> Result<Duration, Mistake> {
    let mut rest = text.trim();
    let mut total = 0;
    if rest.is_empty() {
        return Err(Mistake::Empty);
    }
    while !rest.is_empty() {
        let (secs, after) = parse_pair(rest)?;
        total += secs;
        rest = after.trim_start();
    }
    if total > LONGEST_SECS { Err(Mistake::TooLong) } else { Ok(Duration::from_secs(total)) }
}

/// The seconds of the first `number unit` pair, and the text after it.
fn parse_pair(text: &str) -> Result<(u64, &str), Mistake> {
    let (number, after) = split(text, |c| c.is_ascii_digit());
    if number.is_empty() {
        return Err(Mistake::NoNumber(text.to_owned()));
    }
    let (unit, after) = split(after.trim_start(), char::is_alphabetic);
    if unit.is_empty() {
        let decimal = after.starts_with(['.', ',']);
        return Err(if decimal { Mistake::NotWhole } else { Mistake::NoUnit(number.to_owned()) });
    }
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, unit_secs) = known.ok_or_else(|| Mistake::UnknownUnit(unit.to_owned()))?;
    let secs = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*unit_secs));
    match secs {
        // Each pair is bounded, so that the sum of all pairs of a literal cannot wrap around.
        Some(secs) if secs <= LONGEST_SECS => Ok((secs, after)),
        _ => Err(Mistake::TooLong),
    }
}

/// The longest start of `text` whose characters all belong, and the rest.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "an empty duration; write for instance \"24h\" or \"1h 30m\""),
            Self::NoNumber(at) => {
                write!(f, "expected a whole number at `{at}`; write for instance \"24h\" or \"1h 30m\"")
            }
            Self::NoUnit(number) => {
                write!(
                    f,
                    "`{number}` has no unit; write \"{number}s\", \"{number}m\", \"{number}h\" or \"{number}d\""
                )
            }
            Self::NotWhole => write!(f, "durations are whole numbers; write \"1h 30m\" instead of \"1.5h\""),
            Self::UnknownUnit(unit) => {
                write!(f, "unknown unit `{unit}`; the units are `s`, `m`, `h` and `d`")
            }
            Self::TooLong => write!(f, "too long a duration; the longest is \"36500d\", a hundred years"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_add_up() {
        for (text, secs) in [
            ("90s", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("3d", 259_200),
            ("1h 30m", 5_400),
            ("1h30m", 5_400),
            (" 2 m ", 120),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(secs)), "{text}");
        }
    }

    #[test]
    fn zero_is_a_duration() {
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn each_mistake_has_its_own_name() {
        assert_eq!(parse(""), Err(Mistake::Empty));
        assert_eq!(parse("h"), Err(Mistake::NoNumber("h".into())));
        assert_eq!(parse("-5s"), Err(Mistake::NoNumber("-5s".into())));
        assert_eq!(parse("90"), Err(Mistake::NoUnit("90".into())));
        assert_eq!(parse("1h 30"), Err(Mistake::NoUnit("30".into())));
        assert_eq!(parse("1.5h"), Err(Mistake::NotWhole));
        assert_eq!(parse("24H"), Err(Mistake::UnknownUnit("H".into())));
        assert_eq!(parse("100ms"), Err(Mistake::UnknownUnit("ms".into())));
        assert_eq!(parse("36501d"), Err(Mistake::TooLong));
        assert_eq!(parse("36500d 1s"), Err(Mistake::TooLong));
        assert_eq!(parse("99999999999999999999999s"), Err(Mistake::TooLong));
    }
}
