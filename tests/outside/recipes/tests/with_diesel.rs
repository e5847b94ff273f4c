//! Recipe "Diesel".

use actix_web::{App, Error, HttpResponse, error::ErrorInternalServerError, post, web};
use diesel::prelude::*;
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::{AsyncDieselConnectionManager, deadpool::Pool},
};
use idempotent_runtime::{IdempotencyContext, idempotent, testing::serve};
use recipes::{Scratch, order as send};
use serde::Deserialize;

#[derive(Deserialize)]
struct NewOrder {
    sku: String,
}

diesel::table! { orders (id) { id -> BigInt, key -> Text, sku -> Text } }

#[post("/orders")]
#[idempotent(abandoned = "rerun", replay = "final")]
async fn create_order(
    new: web::Json<NewOrder>,
    context: IdempotencyContext,
    pool: web::Data<Pool<AsyncPgConnection>>,
) -> Result<HttpResponse, Error> {
    let key = context.derive_key("order");
    let mut connection = pool.get().await.map_err(ErrorInternalServerError)?;
    diesel::insert_into(orders::table)
        .values((orders::key.eq(&key), orders::sku.eq(&new.sku)))
        .on_conflict(orders::key)
        .do_nothing()
        .execute(&mut connection)
        .await
        .map_err(ErrorInternalServerError)?;
    let made = orders::table.filter(orders::key.eq(&key)).select(orders::id);
    let id: i64 = made.first(&mut connection).await.map_err(ErrorInternalServerError)?;
    if new.sku == "fails" {
        return Err(ErrorInternalServerError("after the row"));
    }
    Ok(HttpResponse::Created().json(id))
}

#[actix_web::test]
async fn an_attempt_after_the_row_makes_no_second_row() {
    let database = Scratch::with(
        "CREATE TABLE orders (id bigserial PRIMARY KEY, key text NOT NULL UNIQUE, sku text NOT NULL)",
    )
    .await;
    let idempotency = database.idempotency().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(&database.url);
    let pool = web::Data::new(Pool::builder(manager).build().unwrap());
    let server =
        serve(move || App::new().app_data(idempotency.clone()).app_data(pool.clone()).service(create_order));
    assert_eq!(send(&server, "1", "tea").await.text(), "1");
    assert!(send(&server, "1", "tea").await.is_replay());
    for _ in 0..3 {
        assert_eq!(send(&server, "2", "fails").await.status, 500);
    }
    assert_eq!(database.orders().await, 2);
}
