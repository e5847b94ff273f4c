//! Calls, as the scripts take them.

use std::time::Duration;

use super::keys::Names;
use crate::{
    request::Address,
    store::{
        ClaimRequest, ForgetRequest, Hold, OnAbandoned, Record, ResolveRequest, Retention, Stage, Token,
    },
};

/// No lease is longer, and no entry is kept longer: beyond it Redis refuses an expiry.
const LONGEST: Duration = Duration::from_secs(50 * 365 * 24 * 60 * 60);

/// One of the verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Claim(OnAbandoned),
    /// A plain command, which needs no script.
    Get,
    Renew,
    Complete,
    Release,
    Resolve,
    Inspect,
    Forget,
    Drop,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) key: Vec<u8>,
    pub(super) arguments: Vec<Vec<u8>>,
}

impl Call {
    pub(super) fn claim(names: &Names, request: &ClaimRequest) -> Self {
        let (lease, retention) = (millis(request.lease), millis(request.retention));
        let mut claim = entry('C', &request.hold, retention, request.origin.label().as_bytes());
        claim.push(u8::try_from(request.origin.label().len()).unwrap_or_default());
        let verb = Verb::Claim(request.on_abandoned);
        Call::to(names, verb, request.hold.address, vec![claim, kept(lease, retention)])
    }

    pub(super) fn get(names: &Names, address: Address) -> Self {
        Call::to(names, Verb::Get, address, Vec::new())
    }

    pub(super) fn renew(names: &Names, hold: &Hold, lease: Duration) -> Self {
        let arguments = vec![hold.token.as_bytes().to_vec(), kept(millis(lease), 0)];
        Call::to(names, Verb::Renew, hold.address, arguments)
    }

    pub(super) fn complete(names: &Names, hold: &Hold, record: &Record, retention: Retention) -> Self {
        let (replay, remember) = (millis(retention.replay), millis(retention.remember));
        let done = entry('D', hold, remember, record.as_bytes());
        Call::to(names, Verb::Complete, hold.address, vec![done, kept(replay, remember)])
    }

    pub(super) fn release(names: &Names, hold: &Hold) -> Self {
        Call::to(names, Verb::Release, hold.address, vec![hold.token.as_bytes().to_vec()])
    }

    pub(super) fn resolve(names: &Names, request: &ResolveRequest) -> Self {
        let arguments = vec![
            request.token.as_bytes().to_vec(),
            optional(request.outcome.as_ref()),
            optional(request.instead_of.as_ref()),
        ];
        Call::to(names, Verb::Resolve, request.address, arguments)
    }

    pub(super) fn inspect(names: &Names, address: Address, most: usize) -> Self {
        Call::to(names, Verb::Inspect, address, vec![most.to_string().into_bytes()])
    }

    pub(super) fn forget(names: &Names, request: &ForgetRequest, token: Token, held: Duration) -> Self {
        let [meant, ours] = [request.token, token].map(|token| token.as_bytes().to_vec());
        let stage = match request.stage {
            Stage::Claimed => "claimed",
            Stage::Completed => "completed",
        };
        let arguments = vec![meant, stage.into(), ours, kept(millis(held), 0)];
        Call::to(names, Verb::Forget, request.address, arguments)
    }

    pub(super) fn drop_unless_running(names: &Names, address: Address) -> Self {
        Call::to(names, Verb::Drop, address, Vec::new())
    }

    fn to(names: &Names, verb: Verb, address: Address, arguments: Vec<Vec<u8>>) -> Self {
        Call { verb, key: names.key(address), arguments }
    }

    /// Bytes that the call brings.
    pub(super) fn bytes(&self) -> usize {
        self.arguments.iter().map(Vec::len).sum()
    }
}

impl Verb {
    /// Number of other calls under way below which a call goes by itself. Being a script costs as
    /// much as what it does, so two share one. A plain command costs little by itself. It costs
    /// less than the detour by which few would share one.
    pub(super) fn goes_alone_below(self) -> usize {
        if self == Verb::Get { 12 } else { 1 }
    }

    /// True where its script, or its command, takes many calls.
    pub(super) fn goes_together(self) -> bool {
        matches!(self, Verb::Claim(_) | Verb::Complete | Verb::Get)
    }
}

/// Number of bytes that stand before the record.
pub(super) const HEADER_LENGTH: usize = 75;

/// An entry as `entry.lua` describes it, the first attempt of its request, with `rest` behind its
/// header.
fn entry(state: char, hold: &Hold, span: u64, rest: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER_LENGTH + rest.len() + 1);
    entry.extend_from_slice(&[state as u8, b'0']);
    entry.extend_from_slice(hold.token.as_bytes());
    entry.extend_from_slice(hold.fingerprint.as_bytes());
    entry.extend_from_slice(b"0000000001");
    entry.extend_from_slice(&digits(span));
    entry.extend_from_slice(rest);
    entry
}

/// A span, which takes 13 digits at most.
pub(super) fn digits(span: u64) -> [u8; 15] {
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
