//! Pools of other libraries that a store cannot work with: they are refused when it is built.

use idempotent_runtime::{DieselPg, PostgresStore, SeaOrm, TransactionError, TransactionalDatabase};
use idempotent_tests::{
    lent::{TokioPostgres, plain_url, tokio_postgres_pool},
    postgres::Schema,
    postgres_server::PostgresServer,
};

use crate::{
    fixture::{Fixture, OnPostgres},
    libraries::OnDiesel,
};

/// The message with which a store refuses to be built with this pool.
async fn refusal<DB: TransactionalDatabase>(pool: DB::Pool) -> String {
    let schema = Schema::new().await;
    let builder = schema.builder().transactions::<DB>(pool);
    builder.build().await.expect_err("the pool is of no use").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_another_database_is_refused_when_the_store_is_built() {
    let elsewhere = PostgresServer::start(&[]).await;
    let on = OnPostgres::on(Schema::on(elsewhere.options()).await).await;
    let url = plain_url(&elsewhere.options());
    let told = [
        refusal::<SeaOrm>(on.pool(1).into()).await,
        refusal::<TokioPostgres>(tokio_postgres_pool(&url, 1)).await,
        refusal::<DieselPg>(OnDiesel(on).pool(1)).await,
    ];
    for told in told {
        assert!(told.contains("is of another database than the store is"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_server_is_refused_when_the_store_is_built() {
    let gone = "postgres://postgres@127.0.0.1:1/postgres";
    let told = refusal::<TokioPostgres>(tokio_postgres_pool(gone, 1)).await;
    assert!(told.contains("no transaction can be run with a pool"), "{told}");
}

/// An implementation that takes bytes for text.
enum Careless {}

impl TransactionalDatabase for Careless {
    type Pool = <TokioPostgres as TransactionalDatabase>::Pool;
    type Transaction = <TokioPostgres as TransactionalDatabase>::Transaction;
    type Connection = <TokioPostgres as TransactionalDatabase>::Connection;

    async fn acquire(pool: &Self::Pool) -> Result<Self::Transaction, TransactionError> {
        TokioPostgres::acquire(pool).await
    }

    async fn begin(transaction: &mut Self::Transaction, first: &str) -> Result<(), TransactionError> {
        TokioPostgres::begin(transaction, first).await
    }

    fn connection(transaction: &mut Self::Transaction) -> &mut Self::Connection {
        TokioPostgres::connection(transaction)
    }

    async fn run(transaction: &mut Self::Transaction, text: &str) -> Result<(), TransactionError> {
        TokioPostgres::run(transaction, text).await
    }

    async fn execute(
        transaction: &mut Self::Transaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let texts: Vec<String> =
            parameters.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        TokioPostgres::execute(transaction, statement, &texts).await
    }

    async fn commit(transaction: &mut Self::Transaction) -> Result<(), TransactionError> {
        TokioPostgres::commit(transaction).await
    }

    async fn rollback(transaction: &mut Self::Transaction) -> Result<(), TransactionError> {
        TokioPostgres::rollback(transaction).await
    }

    fn close(transaction: Self::Transaction) {
        TokioPostgres::close(transaction);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_implementation_that_changes_bytes_is_refused_when_the_store_is_built() {
    let url = plain_url(&Schema::new().await.options());
    let told = refusal::<Careless>(tokio_postgres_pool(&url, 1)).await;
    assert!(told.contains("does not hand on bytes as they are"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_sea_orm_that_is_none_is_refused() {
    let told = PostgresStore::from_sea_orm(&sea_orm::DatabaseConnection::default()).err();
    let told = told.expect("it leads nowhere").to_string();
    assert!(told.contains("SeaORM's connection has to be one to PostgreSQL"), "{told}");
}
