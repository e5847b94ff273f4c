//! The payment service, as the shop sees it.

use std::fmt;

use actix_web::{Error, error::ErrorBadGateway, http::StatusCode};
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

impl Payments {
    /// A client of the service at `url`.
    pub(crate) fn at(url: &str) -> Payments {
        Payments { http: Client::default(), charges: format!("{url}/charges") }
    }

    /// Charges a customer. With a `key` that the service knows, it charges nobody, and returns the
    /// charge that it has made.
    ///
    /// Any failure is a 502, which leaves open whether the customer has been charged: try again,
    /// with the same key.
    pub(crate) async fn charge(&self, key: &str, new: &NewCharge) -> Result<Charge, Error> {
        let request = self.http.post(&self.charges).insert_header(("Idempotency-Key", key));
        let mut response = request.send_json(new).await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(failed(response.status()));
        }
        response.json().await.map_err(failed)
    }

    /// The charge for an order, if there is one.
    pub(crate) async fn find(&self, order: &str) -> Result<Option<Charge>, Error> {
        let mut response = self.http.get(format!("{}/{order}", self.charges)).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => response.json().await.map(Some).map_err(failed),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(failed(other)),
        }
    }
}

fn failed(why: impl fmt::Display) -> Error {
    ErrorBadGateway(format!("no charge from the payment service: {why}"))
}
