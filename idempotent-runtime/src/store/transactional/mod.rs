//! Transactions that are lent to handlers and steps: the database that has them, and the store that
//! writes its record in them.
//!
//! ```text
//!   TransactionalDatabase   begins, runs a statement, commits, rolls back: a library's
//!   Ledger                  the statements of a store: the record, and the mark of the transaction
//!   Offers                  the pairs of both that a store has, by the database's type
//! ```

mod database;
mod error;
mod held;
mod ledger;
mod offer;
pub(super) mod on_sqlx;
mod record;

#[cfg(feature = "sea-orm")]
pub(crate) use self::error::of_sqlx;
#[cfg(feature = "postgres")]
pub(crate) use self::record::COMMITTED;
pub use self::{
    database::TransactionalDatabase,
    error::{TransactionError, TransactionErrorKind},
};
pub(crate) use self::{
    held::Held,
    ledger::{Ledger, Revoke, Statement, TransactionState},
    offer::{Offer, Offers},
    record::{complete, standing},
};
