//! Fixtures whose handlers write their rows in PostgreSQL with another library than sqlx.

use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, deadpool::Pool},
};
use idempotent_runtime::{DieselPg, PostgresStore, SeaOrm, Store};
use idempotent_tests::{
    lent::{TokioPostgres, plain_url, tokio_postgres_pool},
    postgres::Schema,
};
use sea_orm::DatabaseConnection;

use crate::fixture::{Fixture, InPostgres, OnPostgres};

/// Rows that handlers write with SeaORM.
pub(crate) struct OnSeaOrm(pub(crate) OnPostgres);

/// Rows that handlers write with Diesel.
pub(crate) struct OnDiesel(pub(crate) OnPostgres);

/// Rows that handlers write with tokio-postgres, by the implementation of the example.
pub(crate) struct OnTokioPostgres(pub(crate) OnPostgres);

/// Part of a fixture that is the same as that of the one on PostgreSQL in it.
macro_rules! as_on_postgres {
    () => {
        async fn new() -> Self {
            Self(OnPostgres::new().await)
        }

        fn rows(&self) -> String {
            self.0.rows()
        }

        async fn count(&self) -> i64 {
            self.0.count().await
        }

        async fn clean(self) {
            self.0.clean().await;
        }
    };
}

impl Fixture for OnSeaOrm {
    type Database = SeaOrm;
    type Pool = DatabaseConnection;

    as_on_postgres!();

    fn pool(&self, connections: u32) -> DatabaseConnection {
        self.0.pool(connections).into()
    }

    fn connections(pool: &DatabaseConnection) -> (usize, usize) {
        OnPostgres::connections(pool.get_postgres_connection_pool())
    }

    async fn store(&self, pool: DatabaseConnection) -> impl Store + Clone {
        PostgresStore::from_sea_orm(&pool).unwrap().schema(&self.0.schema().name).build().await.unwrap()
    }
}

impl Fixture for OnDiesel {
    type Database = DieselPg;
    type Pool = Pool<AsyncPgConnection>;

    as_on_postgres!();

    fn pool(&self, connections: u32) -> Self::Pool {
        let url = plain_url(&self.0.schema().options());
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        Pool::builder(manager).max_size(connections as usize).build().unwrap()
    }

    fn connections(pool: &Self::Pool) -> (usize, usize) {
        (pool.status().available, pool.status().size)
    }

    async fn store(&self, pool: Self::Pool) -> impl Store + Clone {
        self.0.at_its_url().transactions::<DieselPg>(pool).build().await.unwrap()
    }
}

impl Fixture for OnTokioPostgres {
    type Database = TokioPostgres;
    type Pool = deadpool_postgres::Pool;

    as_on_postgres!();

    fn pool(&self, connections: u32) -> Self::Pool {
        tokio_postgres_pool(&plain_url(&self.0.schema().options()), connections as usize)
    }

    fn connections(pool: &Self::Pool) -> (usize, usize) {
        (pool.status().available, pool.status().size)
    }

    async fn store(&self, pool: Self::Pool) -> impl Store + Clone {
        self.0.at_its_url().transactions::<TokioPostgres>(pool).build().await.unwrap()
    }
}

/// The schema of a fixture that has the one on PostgreSQL in it.
macro_rules! in_postgres {
    ($($fixture:ty),*) => {
        $(impl InPostgres for $fixture {
            fn schema(&self) -> &Schema {
                self.0.schema()
            }
        })*
    };
}

in_postgres!(OnSeaOrm, OnDiesel, OnTokioPostgres);
