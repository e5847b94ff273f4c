//! Response that a client gets: the recorded one, or a refusal that says what to do next.

pub(crate) mod capture;
pub(crate) mod content;
mod detail;
mod own;
pub(crate) mod record;
pub(crate) mod refusal;
#[cfg(test)]
mod tests;

pub(crate) use detail::InForce;
pub(crate) use own::OwnAnswer;
pub(crate) use refusal::Reason;
pub use refusal::{Code, ProblemFormat, Refusal};
