//! Payments, each of which is settled once.

use std::{env, error::Error, time::Duration};

use idempotent_examples::millis;
use idempotent_runtime::{Idempotency, IdempotentTx, Once, OnceError, PostgresStore};
use lapin::message::Delivery;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Postgres};
use tokio::time::sleep;

/// Longest time that the message of a consumer that was killed waits. It is short, so that nobody
/// who tries this has to wait.
const LEASE: Duration = Duration::from_secs(1);
/// Time for which a key is remembered. It is longer than a message may wait, so no delivery of it
/// comes after that. A publisher must not publish it again after a day.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pause after an error of the database's.
const PAUSE: Duration = Duration::from_secs(1);

/// Payment as a message tells it.
#[derive(Deserialize)]
struct Payment {
    cents: i64,
}

/// Fate of a message.
pub(crate) enum Verdict {
    Acknowledge,
    DeliverAgain(Duration),
    PutAside(String),
}

pub(crate) struct Inbox {
    pool: PgPool,
    /// `None` where somebody wants to see what happens without it.
    idempotency: Option<Idempotency>,
    schema: String,
    settling_takes: Duration,
}

impl Inbox {
    pub(crate) async fn open() -> Result<Inbox, Box<dyn Error>> {
        let url =
            env::var("DATABASE_URL").unwrap_or("postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let schema = env::var("SCHEMA").unwrap_or("consumer_example".to_owned());
        let pool = PgPool::connect(&url).await?;
        // It has no unique index, so what is in it is what has happened.
        let tables = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; \
             CREATE TABLE IF NOT EXISTS {schema}.payments (message_id text NOT NULL, cents bigint NOT NULL)"
        );
        pool.execute(AssertSqlSafe(tables)).await?;
        // The keys are beside the payments: both commit together.
        let store = PostgresStore::builder(pool.clone()).schema(&schema).build().await?;
        let idempotency = Idempotency::builder().store(store).lease(LEASE).build()?;
        let idempotency = env::var_os("WITHOUT_ONCE").is_none().then_some(idempotency);
        Ok(Inbox { pool, idempotency, schema, settling_takes: millis("SETTLING_TAKES_MS") })
    }

    /// Settles the payment of a message, if it is the first of its id, and says what becomes of the
    /// message.
    pub(crate) async fn settle(&self, delivery: &Delivery) -> Verdict {
        let Some(id) = delivery.properties.message_id() else {
            return Verdict::PutAside("it has no message id".to_owned());
        };
        let payment: Payment = match serde_json::from_slice(&delivery.data) {
            Ok(payment) => payment,
            Err(error) => return Verdict::PutAside(error.to_string()),
        };
        let Some(idempotency) = &self.idempotency else {
            return self.settle_without_once(id.as_str(), payment).await;
        };
        let call = idempotency.once("settle", id.as_str()).fingerprint(&delivery.data).ttl(WEEK);
        let settled = call
            .run_in(async |_, mut tx: IdempotentTx<Postgres>| self.pay(&mut tx, id.as_str(), &payment).await)
            .await;
        match settled {
            Ok(Once::Ran(()) | Once::Replayed(())) => Verdict::Acknowledge,
            Ok(Once::InProgress { retry_after }) | Err(OnceError::Unavailable { retry_after }) => {
                Verdict::DeliverAgain(retry_after)
            }
            Err(OnceError::Step(error)) => {
                tracing::warn!(%error, "a payment was not settled");
                Verdict::DeliverAgain(PAUSE)
            }
            // The id was used for another payment, or the program is wrong: trying again mends
            // neither.
            Ok(other) => Verdict::PutAside(format!("{other:?}")),
            Err(error) => Verdict::PutAside(error.to_string()),
        }
    }

    async fn settle_without_once(&self, id: &str, payment: Payment) -> Verdict {
        let settled = async {
            let mut tx = self.pool.begin().await?;
            self.pay(&mut tx, id, &payment).await?;
            tx.commit().await
        };
        match settled.await {
            Ok(()) => Verdict::Acknowledge,
            Err(_) => Verdict::DeliverAgain(PAUSE),
        }
    }

    /// The effect.
    async fn pay(&self, tx: &mut PgConnection, id: &str, payment: &Payment) -> sqlx::Result<()> {
        let insert = format!("INSERT INTO {}.payments (message_id, cents) VALUES ($1, $2)", self.schema);
        sqlx::query(AssertSqlSafe(insert)).bind(id).bind(payment.cents).execute(tx).await?;
        sleep(self.settling_takes).await;
        Ok(())
    }
}
