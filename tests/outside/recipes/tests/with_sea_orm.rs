//! Recipe "SeaORM".

use actix_web::{
    App, Error, HttpResponse,
    error::{ErrorConflict, ErrorInternalServerError},
    post, web,
};
use idempotent_runtime::{IdempotentTx, idempotent, testing::serve};
use recipes::{Scratch, order as send};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DbBackend, DbErr, EntityTrait, ExecResult, QueryResult, RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, query::Query};
use tokio::sync::Mutex;

/// The lent transaction, as SeaORM takes connections.
struct Lent<'a>(Mutex<&'a mut PgConnection>);

fn query(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = statement.values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[async_trait::async_trait]
impl ConnectionTrait for Lent<'_> {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let done = query(statement).execute(&mut **self.0.lock().await).await;
        done.map(ExecResult::from).map_err(failed)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **self.0.lock().await).await;
        done.map(ExecResult::from).map_err(failed)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = query(statement).fetch_optional(&mut **self.0.lock().await).await;
        row.map(|row| row.map(QueryResult::from)).map_err(failed)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = query(statement).fetch_all(&mut **self.0.lock().await).await;
        rows.map(|rows| rows.into_iter().map(QueryResult::from).collect()).map_err(failed)
    }
}

mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub sku: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Deserialize)]
struct NewOrder {
    sku: String,
}

#[post("/orders")]
#[idempotent(transaction)]
async fn create_order(
    new: web::Json<NewOrder>,
    mut tx: IdempotentTx<Postgres>,
) -> Result<HttpResponse, Error> {
    let lent = Lent(Mutex::new(&mut *tx));
    let order = order::ActiveModel { id: NotSet, sku: Set(new.sku.clone()) };
    let order = order.insert(&lent).await.map_err(ErrorInternalServerError)?;
    let all = order::Entity::find().all(&lent).await.map_err(ErrorInternalServerError)?;
    if all.len() > 2 {
        return Err(ErrorConflict("sold out"));
    }
    Ok(HttpResponse::Created().json(order.id))
}

#[actix_web::test]
async fn rows_of_sea_orm_commit_with_the_response() {
    let database = Scratch::with("CREATE TABLE orders (id bigserial PRIMARY KEY, sku text NOT NULL)").await;
    let idempotency = database.idempotency().await;
    let server = serve(move || App::new().app_data(idempotency.clone()).service(create_order));
    assert_eq!(send(&server, "1", "tea").await.text(), "1");
    assert!(send(&server, "1", "tea").await.is_replay());
    assert_eq!(send(&server, "2", "tea").await.text(), "2");
    assert_eq!(send(&server, "3", "tea").await.status, 409);
    assert!(send(&server, "3", "tea").await.is_replay());
    assert_eq!(database.orders().await, 2);
}
