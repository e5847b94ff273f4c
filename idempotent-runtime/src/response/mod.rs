//! Response that a client gets: the recorded one, or a refusal that says what to do next.

pub(crate) mod capture;
mod codes;
pub(crate) mod content;
mod detail;
mod not_stored;
mod own;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod stored_headers;
#[cfg(test)]
mod tests;
mod units;
pub(crate) mod unread;

pub(crate) use detail::InForce;
pub(crate) use not_stored::mark_not_stored;
pub(crate) use own::OwnAnswer;
pub use refusal::{ProblemFormat, Refusal};
