//! One node of a service.
//!
//! `STORE` and `SPACE` say where its keys are kept, and `EFFECTS` names the file to which every
//! effect adds a line. `LEASE_MS`, `WORKERS` and `PORT` are its lease, its workers and its port.
//! Prints its address when it serves.
//!
//! A request's body is two numbers: how many milliseconds the handler takes before its effect, and
//! after it. `/once/refuse` and `/once/rerun` have the same effect by `once`.

mod held;
mod messages;

use std::{
    error::Error,
    fs::OpenOptions,
    io::Write,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, Responder, get, post, web};
use idempotent_runtime::{Idempotency, IdempotencyContext, idempotent};
use idempotent_tests::{
    scripted::{Script, Verb},
    stores::with_store,
};
use tokio::time::sleep;

/// File to which effects are written, and their number in this process.
struct Effects {
    path: String,
    count: AtomicUsize,
}

impl Effects {
    /// Runs for as long as `body` says, and has its effect in between.
    async fn happen(&self, context: &IdempotencyContext, body: &str) -> std::io::Result<HttpResponse> {
        let made_by = self.add(context.key(), body).await?;
        Ok(HttpResponse::Created().insert_header(("X-Attempt", context.attempt())).body(made_by))
    }

    /// The same for `key`. Tells who has had the effect.
    async fn add(&self, key: &str, body: &str) -> std::io::Result<String> {
        let mut pauses = body.split(' ').map(|millis| Duration::from_millis(millis.parse().unwrap_or(0)));
        sleep(pauses.next().unwrap_or_default()).await;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(format!("{key}\n").as_bytes())?;
        let number = self.count.fetch_add(1, SeqCst);
        sleep(pauses.next().unwrap_or_default()).await;
        Ok(format!("{key} by {} as {number}", std::process::id()))
    }
}

#[post("/refuse")]
#[idempotent(ttl = "24h", scope = "global", wait = "20s")]
async fn refuse(context: IdempotencyContext, body: String, effects: web::Data<Effects>) -> impl Responder {
    effects.happen(&context, &body).await
}

#[post("/rerun")]
#[idempotent(ttl = "24h", scope = "global", wait = "20s", abandoned = "rerun")]
async fn rerun(context: IdempotencyContext, body: String, effects: web::Data<Effects>) -> impl Responder {
    effects.happen(&context, &body).await
}

/// Blocks its worker for so many milliseconds.
#[post("/block")]
async fn block(millis: String) -> impl Responder {
    std::thread::sleep(Duration::from_millis(millis.parse().unwrap_or_default()));
    HttpResponse::NoContent()
}

#[get("/claims")]
async fn claims(store: web::Data<Script>) -> impl Responder {
    store.calls(Verb::Claim).to_string()
}

fn var(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let script = Script::default();
    let lease = Duration::from_millis(var("LEASE_MS")?.parse()?);
    let builder = Idempotency::builder().lease(lease);
    let idempotency = with_store(builder, &var("STORE")?, &var("SPACE")?, &script).await?.build()?;
    let effects = web::Data::new(Effects { path: var("EFFECTS")?, count: AtomicUsize::new(0) });
    let script = web::Data::new(script);
    let gate = web::Data::new(held::Gate::default());
    let app = move || {
        App::new()
            .app_data(idempotency.clone())
            .app_data(effects.clone())
            .app_data(script.clone())
            .app_data(gate.clone())
            .service((refuse, rerun, block, claims))
            .configure(held::routes)
            .service(messages::settle)
    };
    let port = var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let workers = var("WORKERS")?.parse()?;
    // A head that waits for a blocked worker is not slow.
    let server = HttpServer::new(app)
        .workers(workers)
        .client_request_timeout(Duration::ZERO)
        .backlog(8192)
        .bind(("127.0.0.1", port))?;
    println!("{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
