//! Exactly once: the own rows of a handler or of a step, the claim and the record commit together,
//! or nothing does.
//!
//! It is lent the transaction as an argument, [`IdempotentTx`], and gives it back by ending.
//! `execution/transactional.rs` decides what becomes of it then.

mod error;
mod extractor;
mod open_transaction;
mod slot;

pub use self::{error::TransactionFailure, extractor::IdempotentTx};
pub(crate) use self::{
    open_transaction::{End, Open},
    slot::{AtClose, NotBegun, Slot, lends},
};
pub use crate::store::transactional::{TransactionError, TransactionErrorKind, TransactionalDatabase};
