//! Calls to the scripts, and their answers.

use std::time::Duration;

use redis::Value;

use super::{
    NAME,
    scripts::{Call, Verb},
};
use crate::{
    request::Address,
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
        ResolveRequest, Retention, Stage, Standing, StoreError, Token,
    },
};

/// No lease is longer, and no entry is kept longer: beyond it Redis refuses an expiry.
const LONGEST: Duration = Duration::from_secs(50 * 365 * 24 * 60 * 60);

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

    pub(super) fn claim(&self, request: &ClaimRequest) -> Call {
        let (lease, retention) = (millis(request.lease), millis(request.retention));
        let claim = entry('C', &request.hold, retention, &[]);
        let verb = Verb::Claim(request.on_abandoned);
        self.call(verb, request.hold.address, vec![claim, kept(lease, retention)])
    }

    pub(super) fn get(&self, address: Address) -> Call {
        self.call(Verb::Get, address, Vec::new())
    }

    pub(super) fn renew(&self, hold: &Hold, lease: Duration) -> Call {
        let arguments = vec![hold.token.as_bytes().to_vec(), kept(millis(lease), 0)];
        self.call(Verb::Renew, hold.address, arguments)
    }

    pub(super) fn complete(&self, hold: &Hold, record: &Record, retention: Retention) -> Call {
        let (replay, remember) = (millis(retention.replay), millis(retention.remember));
        let done = entry('D', hold, remember, record.as_bytes());
        self.call(Verb::Complete, hold.address, vec![done, kept(replay, remember)])
    }

    pub(super) fn release(&self, hold: &Hold) -> Call {
        self.call(Verb::Release, hold.address, vec![hold.token.as_bytes().to_vec()])
    }

    pub(super) fn resolve(&self, request: &ResolveRequest) -> Call {
        let arguments = vec![
            request.token.as_bytes().to_vec(),
            optional(request.outcome.as_ref()),
            optional(request.instead_of.as_ref()),
        ];
        self.call(Verb::Resolve, request.address, arguments)
    }

    pub(super) fn inspect(&self, address: Address, most: usize) -> Call {
        self.call(Verb::Inspect, address, vec![most.to_string().into_bytes()])
    }

    pub(super) fn forget(&self, request: &ForgetRequest, token: Token, held: Duration) -> Call {
        let [meant, ours] = [request.token, token].map(|token| token.as_bytes().to_vec());
        let stage = match request.stage {
            Stage::Claimed => "claimed",
            Stage::Completed => "completed",
        };
        let arguments = vec![meant, stage.into(), ours, kept(millis(held), 0)];
        self.call(Verb::Forget, request.address, arguments)
    }

    pub(super) fn drop_unless_running(&self, address: Address) -> Call {
        self.call(Verb::Drop, address, Vec::new())
    }

    /// Pattern of the keys of all entries whose addresses begin with these bytes.
    pub(super) fn pattern(&self, beginning: &[u8]) -> Vec<u8> {
        [self.key_of(beginning), b"*".to_vec()].concat()
    }

    fn call(&self, verb: Verb, address: Address, arguments: Vec<Vec<u8>>) -> Call {
        Call { verb, key: self.key(address), arguments }
    }
}

/// Number of bytes that stand before the record.
const HEADER_LENGTH: usize = 75;

/// An entry as `entry.lua` describes it, the first attempt of its request.
fn entry(state: char, hold: &Hold, span: u64, record: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER_LENGTH + record.len());
    entry.extend_from_slice(&[state as u8, b'0']);
    entry.extend_from_slice(hold.token.as_bytes());
    entry.extend_from_slice(hold.fingerprint.as_bytes());
    entry.extend_from_slice(b"0000000001");
    entry.extend_from_slice(&digits(span));
    entry.extend_from_slice(record);
    entry
}

/// A span, which takes 13 digits at most.
fn digits(span: u64) -> [u8; 15] {
    let (mut digits, mut rest) = ([b'0'; 15], span);
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    digits
}

/// A record behind a `+`; where there is none, nothing.
fn optional(record: Option<&Record>) -> Vec<u8> {
    record.map_or(Vec::new(), |record| [b"+", &record.as_bytes()[..]].concat())
}

/// Whole milliseconds, rounded up: nothing ends before its time.
fn millis(duration: Duration) -> u64 {
    let millis = duration.min(LONGEST).as_micros().div_ceil(1000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

/// Time for which an entry is kept; at least one millisecond, since Redis refuses to keep a key for
/// no time.
fn kept(time: u64, span: u64) -> Vec<u8> {
    (time + span).max(1).to_string().into_bytes()
}

/// A completed entry.
pub(super) struct Completed(Vec<u8>);

impl Completed {
    /// The entry in a reply, if it is a completed one.
    pub(super) fn of(entry: Value) -> Option<Self> {
        let Value::BulkString(entry) = entry else { return None };
        (entry.len() >= HEADER_LENGTH && entry[0] == b'D').then_some(Completed(entry))
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.0[2..].first_chunk().map(|token| Token::from_bytes(*token))
    }

    /// True where this hold completed the entry.
    pub(super) fn is_of(&self, hold: &Hold) -> bool {
        self.0[2..18] == *hold.token.as_bytes() && self.0[18..50] == *hold.fingerprint.as_bytes()
    }

    /// True where the entry is there for as long as it is replayed, and no longer.
    pub(super) fn ends_with_its_replay(&self) -> bool {
        self.0[60..HEADER_LENGTH] == digits(0)
    }

    /// The record, in an allocation of its own: a caller that keeps it counts its bytes and no
    /// others.
    pub(super) fn into_record(mut self) -> Record {
        Record::from_bytes(self.0.split_off(HEADER_LENGTH))
    }
}

/// A script's decision on a claim.
pub(super) enum Decision {
    /// The entry that is replayed, and the time for which it still is.
    Replay(Completed, Duration),
    Other(Claim),
}

impl Decision {
    pub(super) fn of(reply: Value) -> Result<Self, StoreError> {
        let Value::Array(parts) = reply else { return Ok(Decision::Other(Answer::of(reply)?.into_claim()?)) };
        let [left, entry] = <[Value; 2]>::try_from(parts).map_err(|_| not_understood())?;
        let Value::Int(left) = left else { return Err(not_understood()) };
        let left = Duration::from_millis(u64::try_from(left).map_err(|_| not_understood())?);
        Ok(Decision::Replay(Completed::of(entry).ok_or_else(not_understood)?, left))
    }
}

/// The record of an entry, in an allocation of its own.
fn record_of(entry: &[u8]) -> Option<Record> {
    Some(Record::from_bytes(entry.get(HEADER_LENGTH..)?.to_vec()))
}

/// A script's answer: a word, a number where one belongs to it, and on the next line an entry.
pub(super) struct Answer(Vec<u8>);

impl Answer {
    pub(super) fn of(reply: Value) -> Result<Self, StoreError> {
        match reply {
            Value::BulkString(answer) => Ok(Answer(answer)),
            _ => Err(not_understood()),
        }
    }

    fn into_claim(self) -> Result<Claim, StoreError> {
        Ok(match self.word() {
            b"won" => Claim::Won { attempt: self.number()?.try_into().map_err(|_| not_understood())? },
            b"in_flight" => Claim::InFlight { lease_left: self.duration()? },
            b"reused" => Claim::Reused,
            b"expired" => Claim::Expired,
            b"abandoned" => Claim::Abandoned,
            _ => return Err(not_understood()),
        })
    }

    pub(super) fn into_renewal(self) -> Result<Renewal, StoreError> {
        match self.word() {
            b"renewed" => Ok(Renewal::Renewed),
            b"fenced" => Ok(Renewal::Fenced),
            _ => Err(not_understood()),
        }
    }

    /// True where a completion was stored by this very call, and not before it.
    pub(super) fn is_stored_now(&self) -> bool {
        self.line() == b"stored"
    }

    pub(super) fn into_completion(self) -> Result<Completion, StoreError> {
        match (self.word(), self.entry()) {
            (b"stored", _) => Ok(Completion::Stored),
            (b"fenced", None) => Ok(Completion::Fenced(None)),
            (b"fenced", Some(_)) => Ok(Completion::Fenced(Some(self.record()?))),
            _ => Err(not_understood()),
        }
    }

    pub(super) fn into_resolve(self) -> Result<Resolve, StoreError> {
        Ok(match self.word() {
            b"done" => Resolve::Done,
            b"vacant" => Resolve::Vacant,
            b"running" => Resolve::Running { lease_left: self.duration()? },
            b"completed" => Resolve::Completed(self.record()?),
            b"expired" => Resolve::Expired,
            _ => return Err(not_understood()),
        })
    }

    /// Answer to a request to forget. [`Forget::Done`] where the entry was taken over to be
    /// forgotten.
    pub(super) fn into_forget(self) -> Result<Forget, StoreError> {
        Ok(match self.word() {
            b"held" => Forget::Done,
            b"vacant" => Forget::Vacant,
            b"another" => Forget::Another,
            b"running" => Forget::Running { lease_left: self.duration()? },
            _ => return Err(not_understood()),
        })
    }

    pub(super) fn into_inspection(self, address: Address) -> Result<Option<Inspection>, StoreError> {
        match self.word() {
            b"vacant" => return Ok(None),
            b"found" => {}
            _ => return Err(not_understood()),
        }
        let header = self.entry().and_then(|entry| entry.first_chunk::<HEADER_LENGTH>());
        let header = header.ok_or_else(not_understood)?;
        let number = |digits: &[u8]| str::from_utf8(digits).ok()?.parse::<u64>().ok();
        let (attempt, span) = (number(&header[50..60]), number(&header[60..75]));
        let (attempt, span) = attempt.zip(span).ok_or_else(not_understood)?;
        let attempt = u32::try_from(attempt).map_err(|_| not_understood())?;
        let kept_for = self.duration()?;
        let span = Duration::from_millis(span);
        let (left, lapsed) = (kept_for.saturating_sub(span), span.saturating_sub(kept_for));
        let standing = match header[0] {
            b'C' if !left.is_zero() => Standing::Running { lease_left: left },
            b'C' | b'A' => Standing::Abandoned { lapsed },
            b'D' if !left.is_zero() => Standing::Completed { record: self.record()?, left },
            b'D' => Standing::Expired,
            _ => return Err(not_understood()),
        };
        let token = header[2..].first_chunk().map(|token| Token::from_bytes(*token));
        let token = token.ok_or_else(not_understood)?;
        Ok(Some(Inspection { address, token, attempt, standing, kept_for }))
    }

    fn line(&self) -> &[u8] {
        self.0.split(|byte| *byte == b'\n').next().unwrap_or_default()
    }

    fn word(&self) -> &[u8] {
        self.line().split(|byte| *byte == b' ').next().unwrap_or_default()
    }

    fn number(&self) -> Result<u64, StoreError> {
        let digits = self.line().get(self.word().len() + 1..).unwrap_or_default();
        str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(not_understood)
    }

    fn duration(&self) -> Result<Duration, StoreError> {
        self.number().map(Duration::from_millis)
    }

    fn entry(&self) -> Option<&[u8]> {
        self.0.get(self.line().len() + 1..)
    }

    fn record(&self) -> Result<Record, StoreError> {
        self.entry().and_then(record_of).ok_or_else(not_understood)
    }
}

fn not_understood() -> StoreError {
    StoreError::unavailable(NAME, "a script's answer cannot be understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_replayed_record_keeps_nothing_else() {
        let mut reply = Vec::with_capacity(4_096);
        reply.extend_from_slice(&[b'D'; HEADER_LENGTH]);
        reply.extend_from_slice(b"record");
        let brought = reply.as_ptr_range();
        let record = Completed::of(Value::BulkString(reply)).map(Completed::into_record);
        let bytes = record.expect("a completed entry").into_bytes();
        assert_eq!(&bytes[..], b"record");
        assert!(!brought.contains(&bytes.as_ptr()), "it is a slice of the reply");
    }
}
