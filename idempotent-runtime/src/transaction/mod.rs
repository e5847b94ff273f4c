//! Exactly once: the handler's own rows, the claim and the recorded response commit together, or
//! nothing does.
//!
//! A handler is lent the transaction as an argument, [`IdempotentTx`], and gives it back by ending.
//! `execution/transactional.rs` decides what becomes of it then.

mod error;
mod extractor;
mod open_transaction;
mod slot;

pub(crate) use self::{
    error::Failure,
    open_transaction::{End, Open},
    slot::{AtClose, Slot},
};
pub use self::{error::TransactionError, extractor::IdempotentTx};
pub use crate::store::transactional::TransactionalDatabase;
