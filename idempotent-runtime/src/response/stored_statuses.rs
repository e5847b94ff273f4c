//! The statuses of responses that are stored.

use actix_web::http::StatusCode;

use crate::policy::{Policy, Replay};

/// Statuses that say of themselves that the request was not applied (RFC 9110, 8470 and 6585).
const NEVER_STORED: [u16; 6] = [401, 407, 408, 421, 425, 429];

impl Replay {
    /// True if a response with this status is stored.
    pub(crate) fn keeps(self, status: StatusCode) -> bool {
        !NEVER_STORED.contains(&status.as_u16())
            && match self {
                Replay::All => true,
                Replay::Final => !status.is_server_error(),
                Replay::Success => status.is_success() || status.is_redirection(),
            }
    }
}

impl Policy {
    /// True if a response with this status is stored, where `replay` is in force.
    pub(crate) fn keeps(&self, replay: Replay, status: StatusCode) -> bool {
        replay.keeps(status) && !self.not_stored.contains(&status.as_u16())
    }
}
