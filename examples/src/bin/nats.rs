//! A consumer that settles each payment once, as `consumer` does, of messages of NATS JetStream:
//! `cargo run -p idempotent-examples --features nats --bin nats`.
//!
//! JetStream delivers a message again when it was not acknowledged in time. Its own window against
//! duplicates drops what is *published* twice within two minutes; a message that is *delivered*
//! twice is the consumer's to notice. `nats publish 10` publishes ten payments.
//!
//! `NATS_URL` says where the messages are (`127.0.0.1:4222`), `STREAM` names their stream
//! (`PAYMENTS`), and `STORE` is the file of payments and keys (`sqlite:PATH`).

use std::{
    env,
    error::Error,
    time::{Duration, SystemTime},
};

use async_nats::{
    Error as NatsError, HeaderMap,
    jetstream::{
        self, AckKind, Context, Message,
        consumer::{PullConsumer, pull},
        stream,
    },
};
use futures_util::StreamExt;
use idempotent_examples::give_up;
use idempotent_runtime::{Idempotency, IdempotentTx, Once, OnceError, SqliteStore};
use sqlx::{Executor, Sqlite, SqlitePool, sqlite::SqliteConnectOptions};

/// Header that names a message. The publisher sets it.
const ID: &str = "Nats-Msg-Id";
/// Time after which an unacknowledged message is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(5);
/// Time after which a message is put aside instead of settled.
const SIX_DAYS: Duration = Duration::from_secs(6 * 24 * 3600);
/// Time for which a key is remembered. It is longer than a message may wait, so no delivery of it
/// comes after that. A publisher must not publish it again after a day.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// It has no unique index, so what is in it is what has happened.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS payments (message_id text NOT NULL, cents integer NOT NULL)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = env::var("NATS_URL").unwrap_or("127.0.0.1:4222".to_owned());
    let name = env::var("STREAM").unwrap_or("PAYMENTS".to_owned());
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let subject = name.to_lowercase();
    // No `max_age`: it would delete what nobody has settled.
    let kept = |name, subject| stream::Config { name, subjects: vec![subject], ..stream::Config::default() };
    let stream = jetstream.get_or_create_stream(kept(name.clone(), subject.clone())).await?;
    // What no consumer can settle is put there, where somebody looks at it.
    let aside = (format!("{name}-ASIDE"), format!("{subject}.aside"));
    jetstream.get_or_create_stream(kept(aside.0.clone(), aside.1.clone())).await?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let durable_name = Some("settle".to_owned());
            let config = pull::Config { durable_name, ack_wait: ACK_WAIT, ..pull::Config::default() };
            let consumer = stream.get_or_create_consumer("settle", config).await?;
            consume(consumer, &jetstream, &aside.1).await
        }
        ["publish", count] => publish(&jetstream, &subject, count.parse()?).await,
        ["delete"] => {
            jetstream.delete_stream(&name).await?;
            jetstream.delete_stream(&aside.0).await?;
            Ok(())
        }
        _ => give_up("the commands are `nats`, `nats publish COUNT` and `nats delete`"),
    }
}

async fn publish(jetstream: &Context, subject: &str, count: u32) -> Result<(), NatsError> {
    for number in 1..=count {
        let mut headers = HeaderMap::new();
        headers.insert(ID, format!("payment-{number}"));
        let body = (100 + number).to_string();
        jetstream.publish_with_headers(subject.to_owned(), headers, body.into()).await?.await?;
    }
    Ok(())
}

async fn consume(consumer: PullConsumer, jetstream: &Context, aside: &str) -> Result<(), NatsError> {
    let path = env::var("STORE")
        .unwrap_or_else(|_| format!("sqlite:{}", env::temp_dir().join("idempotent-nats.db").display()));
    let options: SqliteConnectOptions = path.parse()?;
    let pool = SqlitePool::connect_with(options.create_if_missing(true)).await?;
    pool.execute(TABLE).await?;
    let store = SqliteStore::new(pool).await?;
    // A consumer that was killed holds up its message for no longer than the broker does.
    let idempotency = Idempotency::builder().store(store).lease(ACK_WAIT).build()?;
    println!("Consuming. In another terminal: the same command with `publish 10`");
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let verdict = settle(&idempotency, &message).await;
        println!("{:?}: {verdict:?}", message.headers.as_ref().and_then(|headers| headers.get(ID)));
        match verdict {
            // The second acknowledgement says that the broker has heard of the first.
            AckKind::Ack => message.double_ack().await?,
            AckKind::Term => put_aside(jetstream, aside, &message).await?,
            again => message.ack_with(again).await?,
        }
    }
    Ok(())
}

/// Puts a message into the stream beside, and then says that it is not to be delivered again.
async fn put_aside(jetstream: &Context, aside: &str, message: &Message) -> Result<(), NatsError> {
    // Its own id may be another message's too, which the stream would take for the same one.
    let mut headers = HeaderMap::new();
    headers.insert(ID, format!("{} of {}", message.info()?.stream_sequence, message.subject));
    jetstream.publish_with_headers(aside.to_owned(), headers, message.payload.clone()).await?.await?;
    message.ack_with(AckKind::Term).await
}

/// Settles the payment of a message, if it is the first of its id, and says what becomes of the
/// message.
async fn settle(idempotency: &Idempotency, message: &Message) -> AckKind {
    let id = message.headers.as_ref().and_then(|headers| headers.get(ID));
    let cents = str::from_utf8(&message.payload).ok().and_then(|text| text.parse::<i64>().ok());
    let (Some(id), Some(cents)) = (id, cents) else { return AckKind::Term };
    let waited = message.info().map(|info| SystemTime::from(info.published).elapsed().unwrap_or_default());
    if !waited.is_ok_and(|waited| waited < SIX_DAYS) {
        return AckKind::Term;
    }
    let call = idempotency.once("settle", id.as_str()).fingerprint(&message.payload).ttl(WEEK);
    let settled = call
        .run_in(async |_, mut tx: IdempotentTx<Sqlite>| {
            let insert = "INSERT INTO payments (message_id, cents) VALUES ($1, $2)";
            sqlx::query(insert).bind(id.as_str()).bind(cents).execute(&mut *tx).await.map(|_| ())
        })
        .await;
    match settled {
        Ok(Once::Ran(()) | Once::Replayed(())) => AckKind::Ack,
        Ok(Once::InProgress { retry_after }) | Err(OnceError::Unavailable { retry_after }) => {
            AckKind::Nak(Some(retry_after))
        }
        Err(OnceError::Step(_)) => AckKind::Nak(Some(ACK_WAIT)),
        // Trying again does not mend it.
        _ => AckKind::Term,
    }
}
