//! The shop.
//!
//! `PROVIDER` is the address of the payment service (`http://127.0.0.1:8081`). `STORE` says where
//! orders and idempotency keys are (`sqlite:PATH`, by default a file in the temporary directory).
//! `SAVING_TAKES_MS` is the time that the shop takes between its two effects.
//!
//! With `RECONCILE_EVERY_MS` the shop looks every so often after orders whose shop has died, and
//! nobody has to try again. `LONGEST_CHARGE_SECONDS` (60) is the longest time that a charge can be
//! under way when its shop has died: ask your payment service for it.

use std::{env, error::Error, fmt::Display, process, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, error::ErrorServiceUnavailable, get, post, web};
use idempotent_examples::{give_up, listen, millis, number, url};
use idempotent_runtime::{
    AbandonedExecution, Idempotency, IdempotencyContext, Resolution, SqliteStore, idempotent, serve,
};
use serde::{Deserialize, Serialize};
use sqlx::{
    Executor, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tokio::time::sleep;

use crate::payments::{Charge, NewCharge, Payments};

#[derive(Deserialize)]
struct NewOrder {
    item: String,
    cents: u32,
}

/// An order that is paid.
#[derive(Serialize)]
struct Order {
    id: String,
    item: String,
    cents: u32,
    charge: String,
}

/// Charges the customer, then saves the order.
///
/// If the process dies on the way, all of this runs again (`abandoned = "rerun"`), or `reconcile`
/// ends it. That is harmless because both effects have a key that is the same on every attempt: the
/// payment service returns the charge that it has made, and a row that is there already stays the
/// only one.
///
/// Between the two effects there is no error to answer: who has been charged gets an order. So what
/// fails is tried again until it is done, and a client that does not wait finds it done later.
#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint", abandoned = "rerun")]
async fn create_order(
    new: web::Json<NewOrder>,
    context: IdempotencyContext,
    payments: web::Data<Payments>,
    shop: web::Data<Shop>,
) -> impl Responder {
    let NewOrder { item, cents } = new.into_inner();
    let id = context.derive_key("order");

    let (key, charge) =
        (context.derive_key("charge"), NewCharge { order: id.clone(), item: item.clone(), cents });
    let Some(charge) = at_last(async || payments.charge(&key, &charge).await).await else {
        return HttpResponse::PaymentRequired().finish();
    };

    // A shop that dies here has charged a customer, and knows of no order.
    sleep(shop.saving_takes).await;

    let order = Order { id, item, cents, charge: charge.id };
    at_last(async || shop.save(&order).await).await;
    HttpResponse::Created().json(order)
}

/// Does `work` until it does not fail.
async fn at_last<T, E: Display>(work: impl AsyncFn() -> Result<T, E>) -> T {
    loop {
        match work().await {
            Ok(done) => return done,
            Err(error) => tracing::warn!(%error, "an order is under way: trying again"),
        }
        sleep(PAUSE).await;
    }
}

/// Finds out what became of an order whose shop has died. The derived keys are the same as the
/// handler's, so the payment service knows its charge.
///
/// A charge that was made is an order to be saved. Where there is none, a retry runs the handler
/// again. With no retry at hand nobody would, and the charge may still be under way: the shop dies
/// sooner than its request does. Only after `longest_charge` there is none to come, and the key is
/// free. While the payment service or the database does not answer nothing is decided.
async fn reconcile(shop: &Shop, provider: &str, abandoned: &AbandonedExecution) -> Resolution {
    let id = abandoned.derive_key("order");
    let Ok(looked_after_for) = shop.note(&id, abandoned.attempt()).await else {
        return Resolution::Later;
    };
    let is_settled = match Payments::at(provider).find(&id).await {
        Ok(Some(Charge { id: charge, item, cents, .. })) => {
            let order = Order { id, item, cents, charge };
            return match shop.save(&order).await {
                Ok(()) => Resolution::Complete(HttpResponse::Created().json(order)),
                Err(_) => Resolution::Later,
            };
        }
        Ok(None) => abandoned.request().is_some() || looked_after_for > shop.longest_charge,
        Err(_) => false,
    };
    // Whoever comes with this key later begins anew.
    if is_settled && shop.forget(&id).await.is_ok() { Resolution::Rerun } else { Resolution::Later }
}

#[get("/orders")]
async fn list_orders(shop: web::Data<Shop>) -> actix_web::Result<impl Responder> {
    Ok(web::Json(shop.all().await.map_err(no_database)?))
}

/// Orders that the shop has looked after, and the attempts that had died.
#[get("/reconciled")]
async fn list_reconciled(shop: web::Data<Shop>) -> actix_web::Result<impl Responder> {
    Ok(web::Json(shop.noted().await.map_err(no_database)?))
}

/// A 503, after which the client tries again.
fn no_database(_: sqlx::Error) -> actix_web::Error {
    ErrorServiceUnavailable("the shop's database does not answer")
}

struct Shop {
    orders: SqlitePool,
    saving_takes: Duration,
    longest_charge: Duration,
}

impl Shop {
    async fn save(&self, Order { id, item, cents, charge }: &Order) -> sqlx::Result<()> {
        let insert =
            "INSERT INTO orders (id, item, cents, charge) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(id).bind(item).bind(cents).bind(charge).execute(&self.orders).await?;
        Ok(())
    }

    /// Notes that the shop looks after an order. Gives the time since it first did.
    async fn note(&self, id: &str, attempt: u32) -> sqlx::Result<Duration> {
        let insert = "INSERT INTO looked_after (id, attempt) VALUES ($1, $2)";
        sqlx::query(insert).bind(id).bind(attempt).execute(&self.orders).await?;
        let since = "SELECT max(0, unixepoch() - min(at)) FROM looked_after WHERE id = $1";
        sqlx::query_scalar(since).bind(id).fetch_one(&self.orders).await.map(Duration::from_secs)
    }

    /// Forgets that the shop has looked after an order.
    async fn forget(&self, id: &str) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM looked_after WHERE id = $1").bind(id).execute(&self.orders).await.map(drop)
    }

    async fn noted(&self) -> sqlx::Result<Vec<(String, u32)>> {
        sqlx::query_as("SELECT id, attempt FROM looked_after ORDER BY rowid").fetch_all(&self.orders).await
    }

    async fn all(&self) -> sqlx::Result<Vec<Order>> {
        let select = sqlx::query_as("SELECT id, item, cents, charge FROM orders ORDER BY rowid");
        let orders = select.fetch_all(&self.orders).await?.into_iter();
        Ok(orders.map(|(id, item, cents, charge)| Order { id, item, cents, charge }).collect())
    }
}

const TABLES: &str = "CREATE TABLE IF NOT EXISTS orders \
     (id text PRIMARY KEY, item text NOT NULL, cents integer NOT NULL, charge text NOT NULL); \
     CREATE TABLE IF NOT EXISTS looked_after \
     (id text NOT NULL, attempt integer NOT NULL, at integer NOT NULL DEFAULT (unixepoch()))";

/// Pause before something is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest time that a retry waits after a crash. It is short, so that nobody who tries this has to
/// wait.
const LEASE: Duration = Duration::from_secs(1);

pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let orders = open().await.unwrap_or_else(|error| give_up(error));
    let store = SqliteStore::new(orders.clone()).await?;
    let provider = env::var("PROVIDER").unwrap_or("http://127.0.0.1:8081".to_owned());
    let shop = web::Data::new(Shop {
        orders,
        saving_takes: millis("SAVING_TAKES_MS"),
        longest_charge: Duration::from_secs(number("LONGEST_CHARGE_SECONDS", 60)),
    });
    let (builder, every) = (Idempotency::builder().store(store).lease(LEASE), millis("RECONCILE_EVERY_MS"));
    let idempotency = if every.is_zero() {
        builder.build()?
    } else {
        let (shop, provider) = (shop.clone(), provider.clone());
        let ask = async move |abandoned: &AbandonedExecution| reconcile(&shop, &provider, abandoned).await;
        let idempotency = builder.reconcile(ask).build()?;
        idempotency.reconcile_stuck(every)?;
        idempotency
    };
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));

    let data = idempotency.clone();
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(shop.clone())
            .app_data(web::Data::new(Payments::at(&provider)))
            .service((create_order, list_orders, list_reconciled))
    };
    let server = HttpServer::new(app).listen(listener)?.disable_signals().run();
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

/// Opens the file that `STORE` names.
async fn open() -> Result<SqlitePool, Box<dyn Error>> {
    let store = env::var("STORE")
        .unwrap_or_else(|_| format!("sqlite:{}", env::temp_dir().join("idempotent-charge.db").display()));
    let path = store.strip_prefix("sqlite:").ok_or("STORE can be sqlite:PATH")?;
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await?;
    pool.execute(TABLES).await?;
    Ok(pool)
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# An order. Run the line again: the same order, and no other charge.
curl -i {url}/orders -H 'Idempotency-Key: tea-for-alice' --json '{{"item":"tea","cents":450}}'

# The orders that are paid.
curl {url}/orders

# Orders that the shop has looked after, with RECONCILE_EVERY_MS=1000.
curl {url}/reconciled

# To see it die between the charge and the order, start it with SAVING_TAKES_MS=20000, and while an order is under way:
kill -9 {}
"#,
        process::id()
    )
}
