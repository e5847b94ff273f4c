//! The shop itself. Nothing in here knows of idempotency.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use utoipa::ToSchema;

/// Goods that can be ordered, and the price of a piece, in cents.
const PRICES: [(&str, u64); 3] = [("tea", 450), ("coffee", 790), ("mug", 1250)];
const MOST_PIECES: u64 = 1000;

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewOrder {
    #[schema(min_items = 1)]
    items: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Item {
    #[schema(pattern = "^(tea|coffee|mug)$", example = "tea")]
    sku: String,
    #[schema(minimum = 1, maximum = 1000, example = 2)]
    quantity: u64,
}

#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Order {
    pub(crate) id: usize,
    items: Vec<Item>,
    total_cents: u64,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewTransfer {
    /// Another account than the one in the path.
    #[schema(min_length = 1, example = "carol")]
    to: String,
    #[schema(minimum = 1, example = 50000)]
    amount_cents: u64,
}

#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Transfer {
    id: usize,
    from: String,
    to: String,
    amount_cents: u64,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewSubscription {
    #[schema(pattern = "@", example = "alice@example.org")]
    email: String,
}

#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Subscription {
    id: usize,
    email: String,
}

/// Faults of a request, field by field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invalid {
    error: &'static str,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Field {
    field: String,
    problem: String,
}

#[derive(Default)]
pub(crate) struct Shop {
    payment_takes: Duration,
    orders: Mutex<Vec<Order>>,
    transfers: Mutex<Vec<Transfer>>,
    subscriptions: Mutex<Vec<Subscription>>,
}

impl Shop {
    /// A shop whose payments take this long.
    pub(crate) fn new(payment_takes: Duration) -> Self {
        Shop { payment_takes, ..Shop::default() }
    }

    pub(crate) async fn order(&self, order: NewOrder) -> Result<Order, Invalid> {
        let total_cents = total(&order.items)?;
        if !self.payment_takes.is_zero() {
            sleep(self.payment_takes).await;
        }
        Ok(add(&self.orders, |id| Order { id, items: order.items, total_cents }))
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        lock(&self.orders).clone()
    }

    pub(crate) fn find_order(&self, id: usize) -> Option<Order> {
        lock(&self.orders).iter().find(|order| order.id == id).cloned()
    }

    pub(crate) fn transfer(&self, from: String, transfer: NewTransfer) -> Result<Transfer, Invalid> {
        let NewTransfer { to, amount_cents } = transfer;
        if amount_cents == 0 {
            return Err(Invalid::field("amount_cents", "must be at least 1"));
        }
        if to.is_empty() || to == from {
            return Err(Invalid::field("to", "must be another account"));
        }
        Ok(add(&self.transfers, |id| Transfer { id, from, to, amount_cents }))
    }

    pub(crate) fn subscribe(&self, new: NewSubscription) -> Result<Subscription, Invalid> {
        if !new.email.contains('@') {
            return Err(Invalid::field("email", "must hold an @"));
        }
        Ok(add(&self.subscriptions, |id| Subscription { id, email: new.email }))
    }
}

fn total(items: &[Item]) -> Result<u64, Invalid> {
    if items.is_empty() {
        return Err(Invalid::field("items", "must hold at least one item"));
    }
    let (mut total, mut fields) = (0u64, Vec::new());
    for (index, Item { sku, quantity }) in items.iter().enumerate() {
        let price = PRICES.iter().find(|(known, _)| known == sku);
        if price.is_none() {
            let known = PRICES.map(|(sku, _)| sku).join(", ");
            fields.push(Field::new(format!("items[{index}].sku"), format!("must be one of: {known}")));
        }
        if !(1..=MOST_PIECES).contains(quantity) {
            let problem = format!("must be from 1 to {MOST_PIECES}");
            fields.push(Field::new(format!("items[{index}].quantity"), problem));
        }
        let price = price.map_or(0, |(_, cents)| *cents);
        total = total.saturating_add(price.saturating_mul(*quantity));
    }
    if fields.is_empty() { Ok(total) } else { Err(Invalid::new(fields)) }
}

/// Adds what `make` makes of the next id.
fn add<T: Clone>(to: &Mutex<Vec<T>>, make: impl FnOnce(usize) -> T) -> T {
    let mut list = lock(to);
    let made = make(list.len() + 1);
    list.push(made.clone());
    made
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Field {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Field { field: field.into(), problem: problem.into() }
    }
}

impl Invalid {
    fn new(fields: Vec<Field>) -> Self {
        Invalid { error: "invalid", fields }
    }

    pub(crate) fn field(field: &str, problem: impl Into<String>) -> Self {
        Invalid::new(vec![Field::new(field, problem)])
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.error)
    }
}

impl ResponseError for Invalid {
    fn status_code(&self) -> StatusCode {
        StatusCode::UNPROCESSABLE_ENTITY
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self)
    }
}
