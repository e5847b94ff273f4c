//! Handlers that write their rows as people do who have SeaORM or Diesel: with models and tables.

use actix_web::{HttpResponse, ResponseError, error::ErrorConflict, http::StatusCode, web};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, deadpool::Pool},
};
use idempotent_runtime::{
    DieselPg, Idempotency, IdempotentTx, PostgresStore, SeaOrm, Store, TransactionError,
    TransactionErrorKind, idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer, lent::plain_url, post, postgres::Schema};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    EntityTrait, PaginatorTrait,
};
use sqlx::PgPool;

use crate::fixture::within;

mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) sku: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

diesel::table! { orders (id) { id -> BigInt, sku -> Text } }

#[idempotent(transaction)]
async fn with_sea_orm(sku: String, tx: IdempotentTx<SeaOrm>) -> actix_web::Result<HttpResponse> {
    let order = order::ActiveModel { id: NotSet, sku: Set(sku) };
    let order = order.insert(&*tx).await.map_err(TransactionError::from)?;
    if order::Entity::find().count(&*tx).await.map_err(TransactionError::from)? > 2 {
        return Err(ErrorConflict("sold out"));
    }
    Ok(HttpResponse::Created().body(order.id.to_string()))
}

#[idempotent(transaction)]
async fn with_diesel(sku: String, mut tx: IdempotentTx<DieselPg>) -> actix_web::Result<HttpResponse> {
    use diesel_async::RunQueryDsl;

    let insert = diesel::insert_into(orders::table).values(orders::sku.eq(&sku)).returning(orders::id);
    let id: i64 = insert.get_result(&mut *tx).await.map_err(TransactionError::from)?;
    let all: i64 = orders::table.count().get_result(&mut *tx).await.map_err(TransactionError::from)?;
    if all > 2 {
        return Err(ErrorConflict("sold out"));
    }
    Ok(HttpResponse::Created().body(id.to_string()))
}

const TABLE: &str =
    "CREATE SCHEMA {}; CREATE TABLE {}.orders (id bigserial PRIMARY KEY, sku text NOT NULL UNIQUE)";

/// Orders of three kinds, each asked for twice.
async fn sells_two_and_no_more(schema: &Schema, path: &str, store: impl Store + Clone) {
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .route("/sea_orm", web::post().to(with_sea_orm))
            .route("/diesel", web::post().to(with_diesel));
    });
    let ask = async |key: &str, sku: &str| -> Reply {
        let request = post(path, &[&format!("Idempotency-Key: {key}")], sku.as_bytes());
        within(Http1::once(server.address(), &request)).await
    };
    for (key, sku, status, text) in
        [("1", "tea", 201, "1"), ("2", "milk", 201, "2"), ("3", "salt", 409, "sold out")]
    {
        for replay in [false, true] {
            let reply = ask(key, sku).await;
            assert_eq!((reply.status, reply.is_replay(), reply.text()), (status, replay, text), "{reply:?}");
        }
    }
    // A row that is there already is an error of the database: nothing is kept.
    for _ in 0..2 {
        let reply = ask("4", "tea").await;
        assert_eq!((reply.status, reply.is_replay()), (500, false), "{reply:?}");
    }
    assert_eq!(schema.number("SELECT count(*) FROM {}.orders").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_sea_orm_commit_with_the_response() {
    let schema = Schema::new().await;
    schema.execute(TABLE).await;
    let pool = PgPool::connect_lazy_with(schema.options().options([("search_path", &schema.name)]));
    let store = PostgresStore::from_sea_orm(&pool.into()).unwrap().schema(&schema.name);
    sells_two_and_no_more(&schema, "/sea_orm", store.build().await.unwrap()).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_diesel_commit_with_the_response() {
    let schema = Schema::new().await;
    schema.execute(TABLE).await;
    let url = plain_url(&schema.options());
    let within_schema = format!("{url}?options=-c%20search_path%3D{}", schema.name);
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(within_schema);
    let store = PostgresStore::at(&url).unwrap().schema(&schema.name);
    let store = store.transactions::<DieselPg>(Pool::builder(manager).build().unwrap());
    sells_two_and_no_more(&schema, "/diesel", store.build().await.unwrap()).await;
    schema.drop().await;
}

#[test]
fn errors_of_both_are_of_the_kind_that_another_try_asks_for() {
    use diesel::result::{DatabaseErrorKind, Error};
    use sea_orm::{DbErr, RuntimeErr};

    let of_diesel = |kind, message: &str| {
        TransactionError::from(Error::DatabaseError(kind, Box::new(message.to_owned())))
    };
    let of_sea_orm =
        |error: sqlx::Error| TransactionError::from(DbErr::Query(RuntimeErr::SqlxError(error.into())));
    for (error, kind, status) in [
        (of_diesel(DatabaseErrorKind::SerializationFailure, ""), TransactionErrorKind::Conflict, 503),
        (of_diesel(DatabaseErrorKind::Unknown, "deadlock detected"), TransactionErrorKind::Conflict, 503),
        (of_diesel(DatabaseErrorKind::ClosedConnection, ""), TransactionErrorKind::Unavailable, 503),
        (of_diesel(DatabaseErrorKind::UniqueViolation, ""), TransactionErrorKind::Refused, 500),
        (of_diesel(DatabaseErrorKind::Unknown, "division by zero"), TransactionErrorKind::Refused, 500),
        (Error::NotFound.into(), TransactionErrorKind::Other, 500),
        (of_sea_orm(sqlx::Error::PoolTimedOut), TransactionErrorKind::Unavailable, 503),
        (of_sea_orm(sqlx::Error::RowNotFound), TransactionErrorKind::Other, 500),
        (DbErr::RecordNotFound("it".into()).into(), TransactionErrorKind::Other, 500),
    ] {
        assert_eq!(
            (error.kind(), error.status_code()),
            (kind, StatusCode::from_u16(status).unwrap()),
            "{error:?}"
        );
    }
}
