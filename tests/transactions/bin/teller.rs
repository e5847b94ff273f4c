//! A bank that stands still where it is told, so that it can be killed there.
//!
//! `teller sqlite <file>`, or `teller <kind> <url> <schema>` with one of the kinds `postgres`,
//! `pooler`, `sea-orm`, `diesel` and `tokio-postgres`: serves transfers of one from account `a` to
//! account `b`, each in a transaction, and prints its address. `/transfers` is a handler with the
//! attribute. `/messages` makes the same transfer by `once`.
//!
//! A request with a header `X-Stop` stands still at that point for ever, and `here` is printed. A
//! request with a header `X-Way` runs the statements there behind its own, and goes on whatever
//! fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what only tests run may fail as a test does")]

use std::{
    env,
    future::pending,
    io::{Write, stdout},
    sync::Arc,
    thread,
    time::Duration,
};

use actix_web::{
    App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{Next, from_fn},
    web,
};
use diesel_async::{AsyncPgConnection, pooled_connection};
use futures_util::{FutureExt, future::LocalBoxFuture};
use idempotent_runtime::{
    DieselPg, Idempotency, IdempotentTx, Once, OnceError, PostgresStore, SeaOrm, SqliteStore, Store,
    TransactionError, idempotent,
};
use idempotent_tests::{
    lent::{Lent, TokioPostgres, plain_url, tokio_postgres_pool},
    proxy::{Cut, How, Proxy},
};
use sqlx::{
    Postgres, Sqlite,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

const LEASE: Duration = Duration::from_millis(600);
const WAIT: Duration = Duration::from_secs(30);

fn say_here() {
    stdout().lock().write_all(b"here\n").unwrap();
}

/// Stands still if this is where the request is to stop.
async fn point(request: &HttpRequest, name: &str) {
    if stops_at(request, name) {
        say_here();
        pending::<()>().await;
    }
}

fn stops_at(request: &HttpRequest, name: &str) -> bool {
    request.headers().get("x-stop").is_some_and(|stop| stop == name)
}

/// A point after the claim and before the transaction.
struct Claimed;

impl FromRequest for Claimed {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            point(&request, "claimed").await;
            Ok(Claimed)
        }
        .boxed_local()
    }
}

/// Database on which a commit can be made to stand still.
trait Bank: Lent {
    type Hold: 'static;
    async fn hold_commit(tx: &mut IdempotentTx<Self>, hold: &Self::Hold);
}

impl Bank for Sqlite {
    type Hold = ();

    async fn hold_commit(tx: &mut IdempotentTx<Self>, (): &()) {
        tx.lock_handle().await.unwrap().set_commit_hook(|| {
            say_here();
            loop {
                thread::park();
            }
        });
    }
}

/// Holds the message up that commits, whichever library sends it.
macro_rules! bank_behind_a_proxy {
    ($($database:ty => $commit:literal),* $(,)?) => {
        $(impl Bank for $database {
            type Hold = Proxy;

            async fn hold_commit(_: &mut IdempotentTx<Self>, proxy: &Proxy) {
                proxy.cut(Cut { text: $commit, how: How::Held(say_here) });
            }
        })*
    };
}

bank_behind_a_proxy!(
    Postgres => "COMMIT\0",
    SeaOrm => "COMMIT AND CHAIN\0",
    DieselPg => "COMMIT\0",
    TokioPostgres => "COMMIT\0",
);

/// Makes the transfer, and goes on with what the request says. Gives the text of the answer.
async fn make<B: Bank>(request: &HttpRequest, mut tx: IdempotentTx<B>) -> Result<String, TransactionError> {
    point(request, "began").await;
    let key = key(request);
    for statement in [
        "UPDATE accounts SET balance = balance - 1 WHERE name = 'a'".to_owned(),
        "UPDATE accounts SET balance = balance + 1 WHERE name = 'b'".to_owned(),
        format!("INSERT INTO transfers VALUES ('{key}')"),
    ] {
        B::text(&mut tx, statement).await?;
    }
    point(request, "written").await;
    if let Some(way) = request.headers().get("x-way") {
        for statement in way.to_str().unwrap().replace("{key}", key).split(';') {
            // It tolerates what fails.
            let _ = B::text(&mut tx, statement.to_owned()).await;
        }
        point(request, "left").await;
    }
    if stops_at(request, "committing") {
        B::hold_commit(&mut tx, request.app_data::<web::Data<B::Hold>>().unwrap()).await;
    }
    let process = std::process::id();
    Ok(format!("{key} by {process}"))
}

fn key(request: &HttpRequest) -> &str {
    request.headers().get("idempotency-key").unwrap().to_str().unwrap()
}

#[idempotent(ttl = "24h", wait = "30s", transaction)]
async fn transfer<B: Bank>(
    request: HttpRequest,
    _claimed: Claimed,
    tx: IdempotentTx<B>,
) -> Result<HttpResponse, TransactionError> {
    Ok(HttpResponse::Created().body(make(&request, tx).await?))
}

/// The same for a message, of which the request tells.
async fn settle<B: Bank>(request: HttpRequest) -> HttpResponse {
    let idempotency = request.app_data::<Idempotency>().unwrap();
    let call = idempotency.once("transfer", key(&request)).wait(WAIT);
    match call.run_in(async |_, tx: IdempotentTx<B>| make(&request, tx).await).await {
        Ok(Once::Ran(text)) => HttpResponse::Created().body(text),
        Ok(Once::Replayed(text)) => {
            HttpResponse::Created().insert_header(("Idempotent-Replayed", "true")).body(text)
        }
        Ok(Once::InProgress { .. }) | Err(OnceError::Unavailable { .. }) => {
            HttpResponse::ServiceUnavailable().finish()
        }
        Ok(Once::OutcomeUnknown) => HttpResponse::Conflict().finish(),
        _ => HttpResponse::InternalServerError().finish(),
    }
}

/// The points before the claim, and after the commit.
async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    point(request.request(), "arrived").await;
    let response = next.call(request).await?;
    if response.status().is_success() {
        let is_replay = response.headers().contains_key("idempotent-replayed");
        point(response.request(), if is_replay { "replaying" } else { "committed" }).await;
    }
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        point(response.request(), "refused").await;
    }
    Ok(response)
}

async fn serve<B: Bank>(store: impl Store, hold: web::Data<B::Hold>) -> std::io::Result<()>
where
    B::Hold: Send + Sync,
{
    let idempotency = Idempotency::builder().store(store).lease(LEASE).build().unwrap();
    let app = move || {
        App::new()
            .wrap(from_fn(around))
            .app_data(idempotency.clone())
            .app_data(hold.clone())
            .route("/transfers", web::post().to(transfer::<B>))
            .route("/messages", web::post().to(settle::<B>))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0]);
    server.run().await
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments[0].as_str() {
        "sqlite" => {
            let options = SqliteConnectOptions::new().filename(&arguments[1]);
            let pool = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options);
            serve::<Sqlite>(SqliteStore::new(pool).await.unwrap(), web::Data::new(())).await
        }
        kind => on_postgres(kind, &arguments[1], &arguments[2]).await,
    }
}

/// Serves with the library that `kind` names, behind a proxy.
async fn on_postgres(kind: &str, url: &str, schema: &str) -> std::io::Result<()> {
    let options: PgConnectOptions = url.parse().unwrap();
    let proxy = Arc::new(Proxy::to(options.get_port()).await);
    let options = options.port(proxy.port());
    let options = match kind {
        // A pooler takes no settings of a session's.
        "pooler" => options,
        _ => options.options([("search_path", schema)]),
    };
    // For libraries that take an URL.
    let url = format!("{}?options=-c%20search_path%3D{schema}", plain_url(&options));
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options);
    let builder = PostgresStore::builder(pool.clone()).schema(schema);
    let hold = web::Data::from(proxy);
    match kind {
        "sea-orm" => {
            let builder = PostgresStore::from_sea_orm(&pool.into()).unwrap().schema(schema);
            serve::<SeaOrm>(builder.build().await.unwrap(), hold).await
        }
        "diesel" => {
            let manager = pooled_connection::AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
            let pool = pooled_connection::deadpool::Pool::builder(manager).max_size(4).build().unwrap();
            serve::<DieselPg>(builder.transactions::<DieselPg>(pool).build().await.unwrap(), hold).await
        }
        "tokio-postgres" => {
            let pool = tokio_postgres_pool(&url, 4);
            serve::<TokioPostgres>(builder.transactions::<TokioPostgres>(pool).build().await.unwrap(), hold)
                .await
        }
        _ => serve::<Postgres>(builder.build().await.unwrap(), hold).await,
    }
}
