//! Defaults from a file: `cargo run -p idempotent-examples --bin configured`.
//!
//! `SETTINGS` is a JSON file such as `{"ttl_seconds": 3600, "wait_seconds": 0}`, read once at
//! start. What it names holds for every endpoint whose attribute does not write it, and clients
//! read it in the document.

use std::{env, error::Error, fs, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, get, post, web};
use idempotent_examples::{give_up, listen, url};
use idempotent_runtime::{
    BuildError, Idempotency, IdempotencyBuilder, idempotent,
    openapi::{Ambiguous, Documentation},
};
use serde::Deserialize;
use tokio::time::sleep;
use utoipa::{OpenApi, openapi::OpenApi as Document};

/// Settings of the file. What it does not name is what it is without a file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    ttl_seconds: Option<u64>,
    wait_seconds: Option<u64>,
}

impl Settings {
    fn read(path: &str) -> Result<Settings, Box<dyn Error>> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    fn build(&self, mut builder: IdempotencyBuilder) -> Result<Idempotency, BuildError> {
        if let Some(seconds) = self.ttl_seconds {
            builder = builder.ttl(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.wait_seconds {
            builder = builder.wait(Duration::from_secs(seconds));
        }
        builder.build()
    }
}

/// The file decides for how long a payout is replayed, and how long a duplicate waits for it.
#[utoipa::path(responses((status = 201, description = "Paid out")))]
#[post("/payouts")]
#[idempotent]
async fn pay_out() -> impl Responder {
    sleep(Duration::from_secs(1)).await;
    HttpResponse::Created().body("paid\n")
}

/// The attribute decides: what it writes always wins.
#[utoipa::path(responses((status = 201, description = "Ordered")))]
#[post("/orders")]
#[idempotent(ttl = "24h", wait = "10s")]
async fn order() -> impl Responder {
    HttpResponse::Created().body("ordered\n")
}

#[derive(OpenApi)]
#[openapi(paths(pay_out, order))]
struct Api;

/// Document of the endpoints, as they are in force under `idempotency`.
fn document(idempotency: &Idempotency) -> Result<Document, Ambiguous> {
    let mut document = Api::openapi();
    Documentation::of(idempotency).add_to(&mut document)?;
    Ok(document)
}

#[get("/openapi.json")]
async fn read(document: web::Data<Document>) -> impl Responder {
    HttpResponse::Ok().json(&**document)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = match env::var("SETTINGS") {
        Ok(path) => Settings::read(&path).unwrap_or_else(|error| give_up(format_args!("{path}: {error}"))),
        Err(_) => Settings::default(),
    };
    let idempotency = settings.build(Idempotency::builder()).unwrap_or_else(|error| give_up(error));
    let document = web::Data::new(document(&idempotency)?);
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    let app = move || {
        let app = App::new().app_data(idempotency.clone()).app_data(document.clone());
        app.service((pay_out, order, read))
    };
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# For how long answers are replayed, and how long a duplicate waits.
curl {url}/openapi.json | grep -o '"x-idempotency":{{[^}}]*}}[^}}]*'

# Two at a time: the second waits, and is a replay.
curl -i -X POST {url}/payouts -H 'Idempotency-Key: 1' & sleep 0.2; curl -i -X POST {url}/payouts -H 'Idempotency-Key: 1'; wait

# Write a file, and start again with it. The second is refused at once, and answers are replayed for an hour.
echo '{{"ttl_seconds": 3600, "wait_seconds": 0}}' > settings.json    # SETTINGS=settings.json
"#
    )
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use idempotent_runtime::ManualClock;

    use super::*;

    /// True if a payout is replayed when so much time has passed since it was made.
    async fn is_replayed_after(seconds: u64, file: &str) -> bool {
        let settings: Settings = serde_json::from_str(file).unwrap();
        let clock = ManualClock::new();
        let idempotency = settings.build(Idempotency::builder().clock(clock.clone())).unwrap();
        let app = init_service(App::new().app_data(idempotency).service(pay_out)).await;
        let request = || TestRequest::post().uri("/payouts").insert_header(("Idempotency-Key", "k"));
        call_service(&app, request().to_request()).await;
        clock.advance(Duration::from_secs(seconds));
        call_service(&app, request().to_request()).await.headers().contains_key("idempotent-replayed")
    }

    #[actix_web::test]
    async fn a_ttl_that_is_changed_in_the_file_changes_the_answers() {
        assert!(is_replayed_after(59, r#"{"ttl_seconds": 60}"#).await);
        assert!(!is_replayed_after(60, r#"{"ttl_seconds": 60}"#).await);
        assert!(is_replayed_after(60, r#"{"ttl_seconds": 61}"#).await);
        assert!(is_replayed_after(86_399, "{}").await);
    }
}
