//! Signatures of webhooks, which are checked before anything else reads the request.
//!
//! | who | header | what is signed |
//! | --- | --- | --- |
//! | GitHub | `X-Hub-Signature-256: sha256=<hex>` | the body |
//! | Stripe | `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]` | `<seconds>.` and the body |
//!
//! Both are HMAC-SHA-256. Stripe's time is part of what is signed, so a request that was recorded
//! is worth nothing after five minutes. There are two `v1` while a secret is exchanged for another.

use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::ErrorBadRequest,
    middleware::Next,
    web,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::seconds_now;

/// Time that a signature of Stripe's is good for, in seconds. Stripe's own libraries take as much.
pub(crate) const TOLERANCE: u64 = 300;

/// Secrets that the services share with this one.
pub(crate) struct Secrets {
    pub(crate) github: String,
    pub(crate) stripe: String,
}

impl Secrets {
    pub(crate) fn of_github(&self, body: &[u8]) -> Vec<u8> {
        signed(&self.github, &[body]).finalize().into_bytes().to_vec()
    }

    pub(crate) fn of_stripe(&self, time: &str, body: &[u8]) -> Vec<u8> {
        signed(&self.stripe, &[time.as_bytes(), b".", body]).finalize().into_bytes().to_vec()
    }

    fn checks_github(&self, request: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
        let signature = header(request, "x-hub-signature-256")?.strip_prefix("sha256=").and_then(bytes);
        let signature = signature.ok_or("a signature that is none")?;
        signed(&self.github, &[body]).verify_slice(&signature).map_err(|_| "a wrong signature")
    }

    fn checks_stripe(&self, request: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
        let parts: Vec<_> =
            header(request, "stripe-signature")?.split(',').filter_map(|part| part.split_once('=')).collect();
        let named = |name| parts.iter().filter(move |(its, _)| *its == name).map(|(_, value)| *value);
        let time = named("t").next().ok_or("a signature without its time")?;
        let is_signed = named("v1").filter_map(bytes).any(|signature| {
            signed(&self.stripe, &[time.as_bytes(), b".", body]).verify_slice(&signature).is_ok()
        });
        // The time counts for nothing before it is known who has written it.
        match time.parse::<u64>() {
            Ok(time) if is_signed && time.abs_diff(seconds_now()) <= TOLERANCE => Ok(()),
            Ok(_) if is_signed => Err("a signature that is too old"),
            _ => Err("a wrong signature"),
        }
    }
}

fn signed(secret: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!());
    parts.iter().for_each(|part| mac.update(part));
    mac
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Result<&'a str, &'static str> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).ok_or("no signature")
}

/// Bytes of hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2).map(str::from_utf8);
    digits.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lets through what GitHub has signed.
pub(crate) async fn of_github(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    checked(request, next, Secrets::checks_github).await
}

/// Lets through what Stripe has signed in the last five minutes.
pub(crate) async fn of_stripe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    checked(request, next, Secrets::checks_stripe).await
}

/// Reads the body, which whoever comes next reads again, and lets the request through if `check`
/// does. The others are 400: nothing is asked of the store for them.
async fn checked<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
    check: fn(&Secrets, &HttpRequest, &[u8]) -> Result<(), &'static str>,
) -> Result<ServiceResponse<B>, Error> {
    let body = request.extract::<web::Bytes>().await?;
    let secrets = request.extract::<web::Data<Secrets>>().await?;
    check(&secrets, request.request(), &body).map_err(ErrorBadRequest)?;
    request.set_payload(body.into());
    next.call(request).await
}
