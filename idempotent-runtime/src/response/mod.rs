//! Response that a client gets: the recorded one, or a refusal that says what to do next.

pub(crate) mod capture;
mod codes;
pub(crate) mod content;
mod detail;
mod not_stored_mark;
mod own;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod stored_headers;
mod stored_statuses;
#[cfg(test)]
mod tests;
mod units;
pub(crate) mod unread;

pub(crate) use codes::REUSED;
pub(crate) use detail::InForce;
pub(crate) use not_stored_mark::mark_not_stored;
pub(crate) use own::OwnAnswer;
pub use refusal::{ProblemFormat, Refusal};
