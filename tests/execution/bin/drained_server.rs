//! A server that drains at SIGTERM, for so many milliseconds: prints its address, then a line for
//! every effect of `/slow`. Logs to the standard error. With the word `unanswered` its store leaves
//! every claim without an answer.

use std::{env, io, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, post, web};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent, serve};
use idempotent_tests::scripted::{Fault, Scripted, Verb};
use tokio::sync::Semaphore;

#[post("/slow")]
#[idempotent(ttl = "24h")]
async fn slow(finish: web::Data<Semaphore>) -> impl Responder {
    println!("effect");
    match finish.acquire().await {
        Ok(_) => HttpResponse::Created().body("done"),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

#[post("/quick")]
#[idempotent(ttl = "24h")]
async fn quick() -> impl Responder {
    HttpResponse::Created().finish()
}

#[post("/finish")]
async fn let_through(finish: web::Data<Semaphore>) -> impl Responder {
    finish.add_permits(1);
    HttpResponse::Ok()
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(io::stderr).init();
    let mut words = env::args().skip(1);
    let limit = words.next().and_then(|millis| millis.parse().ok()).unwrap_or(30_000);
    let mut builder = Idempotency::builder();
    if words.next().as_deref() == Some("unanswered") {
        let store = Scripted::new(MemoryStore::new());
        store.next(Verb::Claim, usize::MAX, Fault::Fails);
        builder = builder.store(store);
    }
    let idempotency = builder.build().map_err(io::Error::other)?;
    let (data, permits) = (idempotency.clone(), web::Data::new(Semaphore::new(0)));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(permits.clone())
            .service(slow)
            .service(quick)
            .service(let_through)
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0]);
    serve(server.run(), idempotency, Duration::from_millis(limit)).await
}
