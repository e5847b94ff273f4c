//! A duplicate that comes while the first request still runs: it waits for the answer, or is told
//! so at once.

use std::{error::Error, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, post};
use idempotent_examples::{listen, url};
use idempotent_runtime::idempotent;
use tokio::time::sleep;

/// Duplicates wait up to 10 s, the default, for the one that runs, and get its response.
#[post("/patient")]
#[idempotent]
async fn patient() -> impl Responder {
    slow_payment().await
}

/// Duplicates are refused at once, and told when to come back.
#[post("/impatient")]
#[idempotent(wait = "0s")]
async fn impatient() -> impl Responder {
    slow_payment().await
}

async fn slow_payment() -> impl Responder {
    println!("… a payment begins");
    sleep(Duration::from_secs(3)).await;
    println!("… a payment ends");
    HttpResponse::Created().body("paid\n")
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    HttpServer::new(|| App::new().service((patient, impatient))).listen(listener)?.run().await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    format!(
        "Listening on {url}

# Two at a time: both take 3 s, the second is a replay, one payment begins.
curl -i -X POST {url}/patient -H 'Idempotency-Key: 1' & sleep 1; curl -i -X POST {url}/patient -H 'Idempotency-Key: 1'; wait

# Two at a time: the second is 409 in_progress at once, with Retry-After.
curl -i -X POST {url}/impatient -H 'Idempotency-Key: 1' & sleep 1; curl -i -X POST {url}/impatient -H 'Idempotency-Key: 1'; wait

# A client that leaves: the payment ends all the same, and its retry is a replay.
curl -i -m 1 -X POST {url}/patient -H 'Idempotency-Key: 2'; curl -i -X POST {url}/patient -H 'Idempotency-Key: 2'
"
    )
}
