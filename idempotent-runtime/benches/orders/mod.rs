//! The endpoint that every benchmark measures: an order of 300 bytes comes in, one of about 300
//! bytes goes out.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use bytes::Bytes;
use idempotent_runtime::idempotent;
use serde::{Deserialize, Serialize};

/// The body of every request.
pub(crate) const BODY: &[u8; 300] = br#"{"customer":"cus_9f8e7d6c5b4a","currency":"EUR","items":[{"sku":"SKU-00017-BLUE-XL","quantity":2,"price":1999},{"sku":"SKU-00422-RED-M","quantity":1,"price":4950}],"shipping":{"name":"Ada Lovelace","street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"},"note":"Leave it at the front desk"}"#;

/// Order as a client sends it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewOrder {
    customer: String,
    currency: String,
    items: Vec<Item>,
    shipping: Shipping,
    note: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    sku: String,
    quantity: u64,
    price: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shipping {
    name: String,
    street: String,
    city: String,
    zip: String,
}

#[derive(Clone, Debug, Serialize)]
struct Order {
    id: u64,
    status: &'static str,
    total: u64,
    customer: String,
    shipping: Shipping,
    note: String,
    lines: Vec<Item>,
}

/// The last orders, as an application would keep them in a table.
#[derive(Default)]
pub(crate) struct Orders(Mutex<(u64, VecDeque<Order>)>);

const KEPT: usize = 4096;

impl Orders {
    fn create(&self, new: NewOrder) -> Order {
        let total = new.items.iter().map(|item| item.quantity * item.price).sum();
        let mut orders = self.0.lock().unwrap();
        orders.0 += 1;
        let id = orders.0;
        let NewOrder { customer, items, shipping, note, .. } = new;
        let order = Order { id, status: "created", total, customer, shipping, note, lines: items };
        if orders.1.len() == KEPT {
            orders.1.pop_front();
        }
        orders.1.push_back(order.clone());
        order
    }
}

fn answer(order: &Order) -> HttpResponse {
    HttpResponse::Created().insert_header(("location", format!("/orders/{}", order.id))).json(order)
}

async fn bare(orders: web::Data<Orders>, new: web::Json<NewOrder>) -> impl Responder {
    answer(&orders.create(new.into_inner()))
}

#[idempotent]
async fn annotated(orders: web::Data<Orders>, new: web::Json<NewOrder>) -> impl Responder {
    answer(&orders.create(new.into_inner()))
}

/// Handler that is written by hand where there is no library: look, execute, insert. It has no
/// fingerprint, no single flight and no headers, and two requests at the same time execute twice.
async fn by_hand(
    request: HttpRequest,
    answers: web::Data<Answers>,
    orders: web::Data<Orders>,
    new: web::Json<NewOrder>,
) -> impl Responder {
    let Some(key) = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()) else {
        return HttpResponse::BadRequest().finish();
    };
    if let Some((status, body)) = answers.get(key) {
        return HttpResponse::build(status).content_type("application/json").body(body);
    }
    let order = orders.create(new.into_inner());
    let body = Bytes::from(serde_json::to_vec(&order).unwrap());
    answers.insert(key.to_owned(), (actix_web::http::StatusCode::CREATED, body.clone()));
    HttpResponse::Created()
        .insert_header(("location", format!("/orders/{}", order.id)))
        .content_type("application/json")
        .body(body)
}

/// The responses of [`by_hand`].
pub(crate) type Answers = moka::sync::Cache<String, (actix_web::http::StatusCode, Bytes)>;

/// An empty [`Answers`].
pub(crate) fn answers() -> Answers {
    moka::sync::Cache::builder().time_to_live(Duration::from_secs(24 * 3600)).build()
}

/// Registers `/bare`, `/annotated` and `/by_hand`.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/bare", web::post().to(bare))
        .route("/annotated", web::post().to(annotated))
        .route("/by_hand", web::post().to(by_hand));
}
