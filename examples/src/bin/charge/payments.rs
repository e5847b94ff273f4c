//! The payment service, as the shop sees it.

use std::fmt;

use actix_web::http::StatusCode;
use awc::Client;
use serde::{Deserialize, Serialize};

/// Charge to be made: for which order and item, and how much. The payment service keeps all of it,
/// so that a shop that has died can be told later what it was about.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NewCharge {
    pub(crate) order: String,
    pub(crate) item: String,
    pub(crate) cents: u32,
}

/// Charge that has been made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) order: String,
    pub(crate) item: String,
    pub(crate) cents: u32,
}

/// A client of the payment service.
pub(crate) struct Payments {
    http: Client,
    charges: String,
}

/// Nobody knows whether there is a charge: the payment service has not answered, or not clearly.
#[derive(Debug)]
pub(crate) struct Unclear(String);

impl fmt::Display for Unclear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no answer from the payment service: {}", self.0)
    }
}

impl Payments {
    /// A client of the service at `url`.
    pub(crate) fn at(url: &str) -> Payments {
        Payments { http: Client::default(), charges: format!("{url}/charges") }
    }

    /// Charges a customer; `None` where the service refuses to. With a `key` that the service
    /// knows, it charges nobody, and returns the charge that it has made.
    ///
    /// Where it is unclear whether the customer has been charged, try again, with the same key.
    pub(crate) async fn charge(&self, key: &str, new: &NewCharge) -> Result<Option<Charge>, Unclear> {
        let request = self.http.post(&self.charges).insert_header(("Idempotency-Key", key));
        let mut response = request.send_json(new).await.map_err(unclear)?;
        match response.status() {
            status if status.is_success() => response.json().await.map(Some).map_err(unclear),
            // The first try of this charge is still under way there, or there are too many.
            status @ (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) => Err(unclear(status)),
            status if status.is_client_error() => Ok(None),
            status => Err(unclear(status)),
        }
    }

    /// The charge for an order, if there is one.
    pub(crate) async fn find(&self, order: &str) -> Result<Option<Charge>, Unclear> {
        let request = self.http.get(format!("{}/{order}", self.charges));
        let mut response = request.send().await.map_err(unclear)?;
        match response.status() {
            StatusCode::OK => response.json().await.map(Some).map_err(unclear),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(unclear(other)),
        }
    }
}

fn unclear(why: impl fmt::Display) -> Unclear {
    Unclear(why.to_string())
}
