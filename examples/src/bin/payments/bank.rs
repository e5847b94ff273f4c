//! Charges, in the memory of the process. Nothing in here knows of idempotency.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::time::sleep;

use crate::{charges::Fields, errors::ApiError};

/// A charge that is asked for.
pub(crate) struct NewCharge {
    amount: u64,
    currency: String,
    source: String,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// A charge that has been begun.
#[derive(Clone, Serialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    object: &'static str,
    amount: u64,
    currency: String,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    paid: bool,
    status: Status,
    #[serde(skip)]
    account: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Succeeded,
    Failed,
}

impl NewCharge {
    /// The charge that a form asks for.
    pub(crate) fn read(fields: &Fields) -> Result<NewCharge, ApiError> {
        let find = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let required = |name| find(name).ok_or_else(|| missing(name));
        let amount = required("amount")?.parse();
        Ok(NewCharge {
            amount: amount.map_err(|_| not_cents())?,
            currency: required("currency")?.clone(),
            source: required("source")?.clone(),
            description: find("description").cloned(),
            metadata: fields.iter().filter_map(metadata).collect(),
        })
    }
}

fn missing(name: &'static str) -> ApiError {
    ApiError::parameter(name, "parameter_missing", format!("Missing required param: {name}."))
}

fn not_cents() -> ApiError {
    ApiError::parameter("amount", "parameter_invalid_integer", "Invalid integer: amount.")
}

/// A field `metadata[name]`.
fn metadata((name, value): &(String, String)) -> Option<(String, String)> {
    let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
    Some((name.to_owned(), value.clone()))
}

/// The bank, and all that it has been asked to charge.
pub(crate) struct Bank {
    takes: Duration,
    charges: Mutex<Vec<Charge>>,
}

impl Bank {
    pub(crate) fn that_takes(takes: Duration) -> Self {
        Bank { takes, charges: Mutex::default() }
    }

    /// Charges a card, each time that it is called. `tok_chargeDeclined` is declined, and
    /// `tok_silent` gets no answer from the bank.
    pub(crate) async fn charge(&self, account: &'static str, new: NewCharge) -> Result<Charge, ApiError> {
        let NewCharge { amount, currency, source, description, metadata } = new;
        let at = self.begin(|id| Charge {
            id,
            object: "charge",
            amount,
            currency,
            description,
            metadata,
            paid: false,
            status: Status::Pending,
            account,
        });
        sleep(self.takes).await;
        match source.as_str() {
            "tok_chargeDeclined" => {
                self.end(at, Status::Failed);
                Err(ApiError::declined())
            }
            "tok_silent" => Err(ApiError::bank_is_silent()),
            _ => Ok(self.end(at, Status::Succeeded)),
        }
    }

    /// The charges of an account, the newest first.
    pub(crate) fn charges(&self, account: &str) -> Vec<Charge> {
        self.all().iter().rev().filter(|charge| charge.account == account).cloned().collect()
    }

    fn begin(&self, charge: impl FnOnce(String) -> Charge) -> usize {
        let mut all = self.all();
        let at = all.len();
        all.push(charge(format!("ch_{}", at + 1)));
        at
    }

    fn end(&self, at: usize, status: Status) -> Charge {
        let charge = &mut self.all()[at];
        charge.status = status;
        charge.paid = status == Status::Succeeded;
        charge.clone()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Charge>> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
