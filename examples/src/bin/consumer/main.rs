//! A consumer that settles each payment once: `cargo run -p idempotent-examples --bin consumer`.
//!
//! RabbitMQ delivers a message again when its consumer dies before it has acknowledged it, and a
//! publisher that has heard no confirmation publishes it again. `inbox.rs` settles a payment once
//! all the same: its row and the record of its key commit together, and the message is acknowledged
//! after that. Run as many consumers as you like, and kill them whenever you like.
//!
//! `AMQP_URL` and `QUEUE` say where the messages are (`amqp://guest:guest@127.0.0.1:5672`,
//! `payments`). `DATABASE_URL` and `SCHEMA` say where payments and keys are
//! (`postgres://postgres@127.0.0.1:5432/postgres`, `consumer_example`). `SETTLING_TAKES_MS` is the
//! time that a payment takes before it is committed. `WITHOUT_ONCE=1` shows what happens otherwise.

mod broker;
mod inbox;

use std::{env, error::Error, time::Duration};

use futures_util::StreamExt;
use idempotent_examples::give_up;
use lapin::message::Delivery;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tracing_subscriber::filter::LevelFilter;

use broker::Broker;
use inbox::{Inbox, Verdict};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let broker = Broker::connect().await.unwrap_or_else(|error| give_up(error));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => consume(&broker).await?,
        ["publish", count] => broker.publish(count.parse()?, 100).await?,
        ["publish", count, cents] => broker.publish(count.parse()?, cents.parse()?).await?,
        ["left"] => println!("{}", broker.left().await?),
        ["delete"] => broker.delete().await?,
        _ => give_up(
            "the commands are `consumer`, `consumer publish COUNT [CENTS]`, `consumer left` and `consumer delete`",
        ),
    }
    broker.close().await?;
    Ok(())
}

/// Settles what is delivered until it is told to stop, and then ends what it has begun.
async fn consume(broker: &Broker) -> Result<(), Box<dyn Error>> {
    let inbox = Inbox::open().await.unwrap_or_else(|error| give_up(error));
    let mut terminated = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    println!("Consuming. In another terminal: the same command with `publish 10`, twice");
    let deliveries = broker.deliveries().await?.take_until(Box::pin(stopped));
    deliveries
        .for_each_concurrent(None, |delivery| async {
            // A broker that is gone delivers again what has not been acknowledged.
            let handled = match delivery {
                Ok(delivery) => handle(&inbox, delivery).await,
                Err(error) => Err(error),
            };
            handled.unwrap_or_else(|error| give_up(error));
        })
        .await;
    Ok(())
}

/// Settles one delivery, and tells the broker what becomes of its message.
async fn handle(inbox: &Inbox, delivery: Delivery) -> lapin::Result<()> {
    match inbox.settle(&delivery).await {
        Verdict::Acknowledge => broker::acknowledge(&delivery).await,
        Verdict::DeliverAgain(after) => {
            sleep(after.max(Duration::from_millis(100))).await;
            broker::deliver_again(&delivery).await
        }
        Verdict::PutAside(why) => {
            tracing::warn!(why, "a message is put aside");
            broker::put_aside(&delivery).await
        }
    }
}
