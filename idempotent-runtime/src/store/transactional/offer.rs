//! Kinds of transactions that a store lends.

use std::{any::Any, sync::Arc};

use super::{Ledger, TransactionalDatabase};

/// A pool of the application's, and the store's statements in its transactions.
pub(crate) struct Offer<DB: TransactionalDatabase> {
    pub(crate) pool: DB::Pool,
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl<DB: TransactionalDatabase> Clone for Offer<DB> {
    fn clone(&self) -> Self {
        Offer { pool: self.pool.clone(), ledger: Arc::clone(&self.ledger) }
    }
}

/// The offers of one store, at most one for each kind of database.
#[derive(Default)]
pub(crate) struct Offers(Vec<Box<dyn Any + Send + Sync>>);

impl Offers {
    /// One more offer.
    pub(crate) fn and<DB: TransactionalDatabase>(mut self, offer: Offer<DB>) -> Self {
        self.0.push(Box::new(offer));
        self
    }

    /// The offer for this kind of database. The last one counts.
    pub(crate) fn of<DB: TransactionalDatabase>(&self) -> Option<&Offer<DB>> {
        self.0.iter().rev().find_map(|offer| offer.downcast_ref())
    }
}
