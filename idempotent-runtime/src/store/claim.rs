//! Calls to a store for one execution, and their answers.

use std::{fmt, time::Duration};

use super::{Origin, Record};
use crate::request::{Address, RequestFingerprint};

/// A fencing token: 128 bits that tell one claim from every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    /// Draws a token from the operating system's random numbers.
    ///
    /// # Errors
    /// The operating system has none to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        // Drawn one at a time. Tokens that are drawn ahead would be handed out twice: by a process
        // that is forked, or by two machines that are resumed from one snapshot. Two owners of one
        // token would both win a claim.
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Token(bytes))
    }

    /// The token that [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Token(bytes)
    }

    /// The bytes a store keeps.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// One claim on one address. It is needed to renew, to complete and to release the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Address of the entry.
    pub address: Address,
    /// Token of this claim.
    pub token: Token,
    /// Fingerprint of the request.
    pub fingerprint: RequestFingerprint,
}

/// Question to a store: may this request run?
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest {
    /// The claim to write if it wins.
    pub hold: Hold,
    /// Time for which the claim stands without being renewed.
    pub lease: Duration,
    /// Fate of an earlier claim whose lease has run out.
    pub on_abandoned: OnAbandoned,
    /// Time for which a claim without an outcome is remembered after its lease has run out.
    pub retention: Duration,
    /// Endpoint and caller of the request. The answer does not depend on it, except in a store that
    /// bounds what one caller may hold.
    pub origin: Origin,
}

/// Fate of a claim whose lease has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAbandoned {
    /// It is abandoned for good.
    Refuse,
    /// The next claim takes it over.
    Rerun,
}

/// A store's answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller runs the request, and nobody else does.
    Won {
        /// 1, and one more for every takeover.
        attempt: u32,
    },
    /// Another claim's lease runs.
    InFlight {
        /// Time for which that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// The request has run.
    Replay {
        /// The recorded response.
        record: Record,
        /// Time for which it will still be replayed.
        left: Duration,
    },
    /// The key belongs to a request with another fingerprint.
    Reused,
    /// The request has run, its record has expired, and that is remembered.
    Expired,
    /// The request may have run: its claim ended without an outcome.
    Abandoned,
}

/// A store's answer to a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease runs from now.
    Renewed,
    /// The hold does not stand any more.
    Fenced,
}

/// A store's answer to a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The record is stored.
    Stored,
    /// The hold does not stand any more. Holds what the winner recorded for the same fingerprint,
    /// if anything.
    Fenced(Option<Record>),
}

/// Times for which a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Time for which the record is replayed, counted from completion.
    pub replay: Duration,
    /// Time after that for which the key is remembered as expired; zero: not at all.
    pub remember: Duration,
}
