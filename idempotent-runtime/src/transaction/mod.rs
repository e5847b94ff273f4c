//! Exactly once: the handler's own rows, the claim and the recorded response commit together, or
//! nothing does.
//!
//! A handler is lent the transaction as an argument, [`IdempotentTx`], and gives it back by ending.
//! What becomes of it then is decided in `execution/in_transaction.rs`.

mod begun;
mod database;
mod error;
mod lent;
mod slot;

pub(crate) use self::{
    begun::{End, Open},
    database::{Database, Standing},
    error::Failure,
    slot::{Left, Slot},
};
pub use self::{database::TransactionalDatabase, error::TransactionError, lent::IdempotentTx};
