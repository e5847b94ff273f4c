//! RabbitMQ, as the consumer sees it: a queue, and one beside it for what no consumer can settle.

use std::{env, error::Error};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Result,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
        BasicRejectOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};

/// Number of messages that a consumer may have at once without having acknowledged them.
const PREFETCH: u16 = 16;

/// Time for which a message may wait, in milliseconds: six days. What is older is put aside. It is
/// less than the time for which a key is remembered, so no delivery of a message comes after it.
const LONGEST_WAIT: i32 = 6 * 24 * 3600 * 1000;

/// A message that the broker keeps on its disk.
const PERSISTENT: u8 = 2;

pub(crate) struct Broker {
    connection: Connection,
    channel: Channel,
    queue: String,
}

impl Broker {
    /// Connects, and declares the queue and the one beside it.
    pub(crate) async fn connect() -> Result<Broker> {
        let url = env::var("AMQP_URL").unwrap_or("amqp://guest:guest@127.0.0.1:5672".to_owned());
        let queue = env::var("QUEUE").unwrap_or("payments".to_owned());
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let broker = Broker { connection, channel, queue };
        broker.declare(&broker.aside(), FieldTable::default()).await?;
        let mut aside = FieldTable::default();
        aside.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
        aside.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(broker.aside().into()));
        aside.insert("x-message-ttl".into(), AMQPValue::LongInt(LONGEST_WAIT));
        broker.declare(&broker.queue, aside).await?;
        Ok(broker)
    }

    /// Name of the queue of what was put aside.
    fn aside(&self) -> String {
        format!("{}.aside", self.queue)
    }

    async fn declare(&self, name: &str, arguments: FieldTable) -> Result<u32> {
        let declared = self.channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments);
        Ok(declared.await?.message_count())
    }

    /// Everything that is delivered to this consumer.
    pub(crate) async fn deliveries(&self) -> Result<Consumer> {
        self.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let consume = BasicConsumeOptions::default();
        self.channel.basic_consume(self.name(), ShortString::default(), consume, FieldTable::default()).await
    }

    /// Publishes payments of so many cents with the ids `payment-1`, `payment-2` and so on, so many
    /// of them, and waits until the broker has them. An error says that it may not have them all:
    /// publish them again, with the same ids.
    pub(crate) async fn publish(&self, count: u32, cents: u32) -> std::result::Result<(), Box<dyn Error>> {
        self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut confirmations = Vec::new();
        for number in 1..=count {
            let properties = BasicProperties::default()
                .with_message_id(format!("payment-{number}").into())
                .with_delivery_mode(PERSISTENT);
            let body = format!(r#"{{"cents":{cents}}}"#);
            // A message that no queue takes is no message that the broker has.
            let publish = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let exchange = ShortString::default();
            let published =
                self.channel.basic_publish(exchange, self.name(), publish, body.as_bytes(), properties);
            confirmations.push(published.await?);
        }
        for confirmation in confirmations {
            if !matches!(confirmation.await?, Confirmation::Ack(None)) {
                return Err("the broker has not taken every payment: publish them again".into());
            }
        }
        Ok(())
    }

    /// Number of messages in the queue and beside it which nobody has. What a consumer has not
    /// acknowledged is in the queue again when the consumer is gone.
    pub(crate) async fn left(&self) -> Result<String> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        let count = async |name: &str| {
            let declared = self.channel.queue_declare(name.into(), passive, FieldTable::default());
            Ok::<_, lapin::Error>(declared.await?.message_count())
        };
        Ok(format!("{} left, {} put aside", count(&self.queue).await?, count(&self.aside()).await?))
    }

    pub(crate) async fn delete(&self) -> Result<()> {
        for name in [&self.queue, &self.aside()] {
            self.channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.connection.close(200, "the program ends".into()).await
    }

    fn name(&self) -> ShortString {
        self.queue.as_str().into()
    }
}

/// Tells the broker that a message is done.
pub(crate) async fn acknowledge(delivery: &Delivery) -> Result<()> {
    delivery.acker.ack(BasicAckOptions::default()).await.map(|_| ())
}

/// Gives a message back: it is delivered again, to whichever consumer.
pub(crate) async fn deliver_again(delivery: &Delivery) -> Result<()> {
    let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    delivery.acker.nack(again).await.map(|_| ())
}

/// Puts a message into the queue beside, where somebody looks at it.
pub(crate) async fn put_aside(delivery: &Delivery) -> Result<()> {
    delivery.acker.reject(BasicRejectOptions { requeue: false }).await.map(|_| ())
}
