//! Webhooks that name their event themselves: `cargo run -p idempotent-examples --bin webhooks`.
//!
//! GitHub and Stripe know nothing of `Idempotency-Key`. Both give each event an id. Stripe sends it
//! again, with the same id, until it has an answer; GitHub does when somebody asks for it.
//! `key = …` says where the id is. Before anything else the signature is checked
//! (`signature.rs`): an id is worth nothing from somebody who may send what they like.
//!
//! `GITHUB_SECRET` and `STRIPE_SECRET` are the secrets of the two endpoints. The lines that the
//! program prints are signed with them, as the two services would sign.

mod events;
mod signature;

use std::{
    env,
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::{App, HttpServer, web};
use idempotent_examples::{listen, url};

use events::Events;
use signature::{Secrets, hex};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = |name: &str, default: &str| env::var(name).unwrap_or(default.to_owned());
    let secrets = Secrets {
        github: secret("GITHUB_SECRET", "a secret of GitHub's"),
        stripe: secret("STRIPE_SECRET", "whsec_a_secret_of_stripes"),
    };
    let listener = listen();
    println!("{}", what_to_try(&url(&listener), &secrets));
    let idempotency = events::settings().build()?;
    let (events, secrets) = (web::Data::new(Events::default()), web::Data::new(secrets));
    let app = move || {
        let app = App::new().app_data(idempotency.clone()).app_data(events.clone());
        app.app_data(secrets.clone()).configure(events::routes)
    };
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

pub(crate) fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A header with which GitHub signs this body.
fn signed_by_github(secrets: &Secrets, body: &str) -> String {
    format!("X-Hub-Signature-256: sha256={}", hex(&secrets.of_github(body.as_bytes())))
}

/// A header with which Stripe signs this body at that time.
fn signed_by_stripe(secrets: &Secrets, body: &str, at: u64) -> String {
    let at = at.to_string();
    format!("Stripe-Signature: t={at},v1={}", hex(&secrets.of_stripe(&at, body.as_bytes())))
}

fn what_to_try(url: &str, secrets: &Secrets) -> String {
    let push = r#"{"ref":"refs/heads/main","after":"6113728f27ae"}"#;
    let paid = r#"{"id":"evt_1Pqr","type":"charge.succeeded","data":{"object":{"id":"ch_1","amount":1200}}}"#;
    let now = seconds_now();
    let (by_github, by_stripe) = (signed_by_github(secrets, push), signed_by_stripe(secrets, paid, now));
    // The next try has another time, and so another signature.
    let again = signed_by_stripe(secrets, paid, now + 1);
    let late = signed_by_stripe(secrets, paid, now - 3600);
    format!(
        r#"Listening on {url}

# A push. Run the line again: the same answer, and one event.
curl -i {url}/github -H 'X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958' -H '{by_github}' --json '{push}'

# A payment, signed for the next five minutes. Then Stripe's next try: another signature, the same event.
curl -i {url}/stripe -H '{by_stripe}' --json '{paid}'
curl -i {url}/stripe -H '{again}' --json '{paid}'

# What somebody has recorded an hour ago: 400, and nothing is asked of the store.
curl -i {url}/stripe -H '{late}' --json '{paid}'

# Somebody who does not know the secret: 400.
curl -i {url}/stripe -H 'Stripe-Signature: t={now},v1=00' --json '{paid}'

# The events that took effect.
curl {url}/events
"#
    )
}

#[cfg(test)]
mod tests;
