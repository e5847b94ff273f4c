//! Form that keys must have, and the time that a UUID tells.

use std::{borrow::Cow, time::Duration};

use uuid::{Uuid, Variant, fmt::Hyphenated};

use crate::clock::Timestamp;

/// Time by which a client's clock may be ahead of this one.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Form that keys must have, beyond being 1 to 255 visible ASCII characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// Any characters a key may hold.
    #[default]
    Any,
    /// A hyphenated UUID of any version, 36 characters (`8e03978e-40d5-43dd-bc93-6894a57f9324`).
    ///
    /// Capitals and small letters are one key, which is shown in small letters (RFC 9562, section
    /// 4).
    Uuid,
    /// A hyphenated UUID of version 7, which tells the time at which it was made (RFC 9562, section
    /// 5.7).
    ///
    /// A key that is older than `max_age` is `key_expired`, and one that is more than five minutes
    /// ahead of the server's clock is `key_invalid`. For neither is anything asked of the store, so
    /// a late retry is refused although nothing is remembered of it.
    ///
    /// Capitals and small letters are one key, as under [`Uuid`](Self::Uuid). A `max_age` that is
    /// shorter than an endpoint's ttl refuses retries whose response is still there. The log warns
    /// of such endpoints at start, with feature `catalog`.
    UuidV7 {
        /// Time after its making for which a key is taken.
        max_age: Duration,
    },
}

/// Age of a key that was made too long ago, or that is yet to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutOfTime {
    Late,
    Early,
}

impl KeyFormat {
    /// Characters of `key` in this form: all spellings of one UUID become one. `None` for a key of
    /// another form.
    pub(super) fn spell(self, key: &str) -> Option<Cow<'_, str>> {
        if matches!(self, KeyFormat::Any) {
            return Some(Cow::Borrowed(key));
        }
        let uuid = key.parse::<Hyphenated>().ok()?.into_uuid();
        if matches!(self, KeyFormat::UuidV7 { .. }) && !is_version_7(&uuid) {
            return None;
        }
        let is_small = !key.bytes().any(|byte| byte.is_ascii_uppercase());
        Some(if is_small { Cow::Borrowed(key) } else { Cow::Owned(key.to_ascii_lowercase()) })
    }

    /// Checks the time that a key of this form tells.
    pub(super) fn check_time(self, key: &str, now: impl FnOnce() -> Timestamp) -> Result<(), OutOfTime> {
        let KeyFormat::UuidV7 { max_age } = self else { return Ok(()) };
        let Ok(uuid) = key.parse::<Hyphenated>() else { return Ok(()) };
        let (made, now) = (time_of(&uuid.into_uuid()), now());
        match () {
            () if now.since(made) > max_age => Err(OutOfTime::Late),
            () if made.since(now) > AHEAD => Err(OutOfTime::Early),
            () => Ok(()),
        }
    }

    /// Rule that a key of another form breaks.
    pub(super) fn rule(self) -> &'static str {
        match self {
            KeyFormat::Any | KeyFormat::Uuid => "the key must be a UUID of 36 characters with hyphens",
            KeyFormat::UuidV7 { .. } => "the key must be a UUID of version 7, of 36 characters with hyphens",
        }
    }

    /// Mistake of a key of another form, for its client.
    pub(super) fn mistake(self) -> &'static str {
        match self {
            KeyFormat::Any | KeyFormat::Uuid => {
                "it is not a UUID of 36 characters with hyphens, which `key_format` asks for"
            }
            KeyFormat::UuidV7 { .. } => {
                "it is not a UUID of version 7, of 36 characters with hyphens, which `key_format` asks for"
            }
        }
    }
}

fn is_version_7(uuid: &Uuid) -> bool {
    uuid.get_version_num() == 7 && uuid.get_variant() == Variant::RFC4122
}

/// Time of a UUID of version 7: milliseconds, in its first 48 bits.
fn time_of(uuid: &Uuid) -> Timestamp {
    Timestamp::from_millis((uuid.as_u128() >> 80) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of RFC 9562, appendix A.6, and its time.
    const SAMPLE: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    const MADE: u64 = 1_645_557_742_000;
    const HOUR: Duration = Duration::from_hours(1);
    const FORMAT: KeyFormat = KeyFormat::UuidV7 { max_age: HOUR };

    fn read(key: &str) -> Option<String> {
        FORMAT.spell(key).map(Cow::into_owned)
    }

    #[test]
    fn only_uuids_of_version_7_are_taken_and_their_case_is_folded() {
        assert_eq!(read(SAMPLE).as_deref(), Some(SAMPLE));
        assert_eq!(read(&SAMPLE.to_uppercase()).as_deref(), Some(SAMPLE));
        for other in [
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "017f22e2-79b0-8cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "017f22e279b07cc398c4dc0c0c07398f",
            "order-1",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_key_is_in_time_from_five_minutes_before_its_time_until_max_age_after_it() {
        let at = |millis| FORMAT.check_time(SAMPLE, || Timestamp::from_millis(millis));
        let [age, ahead] = [HOUR, AHEAD].map(|time| u64::try_from(time.as_millis()).unwrap());
        for in_time in [MADE - ahead, MADE, MADE + age] {
            assert_eq!(at(in_time), Ok(()), "{in_time}");
        }
        assert_eq!(at(MADE - ahead - 1), Err(OutOfTime::Early));
        assert_eq!(at(MADE + age + 1), Err(OutOfTime::Late));
    }
}
