//! A server that drains at SIGTERM, for so many milliseconds: prints its address, then a line for
//! every effect of `/slow`. Logs to the standard error. Routes below `/own` have a handle of their
//! own, all others that of a process that has set up none. With the word `unanswered` the store
//! below `/own` leaves every claim without an answer.

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
    let store = Scripted::new(MemoryStore::new());
    if words.next().as_deref() == Some("unanswered") {
        store.next(Verb::Claim, usize::MAX, Fault::Fails);
    }
    let own = Idempotency::builder().store(store).build().map_err(io::Error::other)?;
    let (data, permits) = (own.clone(), web::Data::new(Semaphore::new(0)));
    let app = move || {
        let with_its_own = web::scope("/own").app_data(data.clone()).service(slow).service(quick);
        App::new()
            .app_data(permits.clone())
            .service(with_its_own)
            .service(slow)
            .service(quick)
            .service(let_through)
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0]);
    serve(server.run(), own, Duration::from_millis(limit)).await
}
