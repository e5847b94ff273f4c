//! A payment service that Stripe's own SDKs can call:
//! `cargo run -p idempotent-examples --bin payments`.
//!
//! These SDKs give every POST an `Idempotency-Key`. They send it again with that key when a
//! connection breaks or the answer is a 409 or a 5xx, and they want errors in a form of their own.
//! `errors.rs` does what a service has to do for them. The endpoints are in `charges.rs`. The
//! charges are in `bank.rs`, at a bank that takes `BANK_TAKES_MS` milliseconds.

mod bank;
mod charges;
mod errors;

use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    web,
};
use idempotent_examples::{listen, millis, url};
use idempotent_runtime::{Idempotency, Principal, ProblemFormat, serve};

use bank::Bank;
use charges::{account, create_charge, list_charges, retrieve_charge};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    // A secret key may be replaced by another one of the same account between two tries, so the
    // principal is the account.
    let idempotency = Idempotency::builder()
        .principal(|request| Ok(Principal::new(account(request)?)))
        .problem_format(ProblemFormat::custom(errors::refused))
        .build()?;
    let (data, bank) = (idempotency.clone(), web::Data::new(Bank::that_takes(millis("BANK_TAKES_MS"))));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(bank.clone())
            .app_data(web::FormConfig::default().error_handler(errors::bad_form))
            .wrap(from_fn(labelled))
            .service((create_charge, list_charges, retrieve_charge))
    };
    let server = HttpServer::new(app).listen(listener)?.disable_signals().run();
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

/// Says which request it was, a replay too, and by which key; SDKs show both.
async fn labelled(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let id = format!("req_{}", REQUESTS.fetch_add(1, Relaxed) + 1);
    let key = request.headers().get("idempotency-key").cloned();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("request-id"), HeaderValue::try_from(id)?);
    if let Some(key) = key {
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    Ok(response)
}

fn what_to_try(url: &str) -> String {
    let charge = format!("curl -i {url}/v1/charges -u sk_test_shop: -H 'Idempotency-Key: 1'");
    format!(
        r#"Listening on {url}

# A charge. Run the line again: the same charge, marked `idempotent-replayed: true`.
{charge} -d amount=1200 -d currency=eur -d source=tok_visa

# Its fields in another order, and the account's other secret key: still the same charge.
{charge} -d currency=eur -d source=tok_visa -d amount=1200 -u sk_test_shop_new:

# The key with another amount: 400 idempotency_error, which the SDKs raise as `IdempotencyError`.
{charge} -d amount=1300 -d currency=eur -d source=tok_visa

# The same from Python, with Stripe's SDK:
#   client = stripe.StripeClient("sk_test_shop", base_addresses={{"api": "{url}"}})
#   client.v1.charges.create({{"amount": 1200, "currency": "eur", "source": "tok_visa"}})

# What has been charged: once.
curl {url}/v1/charges -u sk_test_shop:
"#
    )
}
