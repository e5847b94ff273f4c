//! A service under load behind a pooler, and another client of the same pooler, who looks at what
//! the service leaves there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{
    Idempotency, IdempotencyContext, IdempotentTx, PostgresStore, Store, TransactionError, idempotent,
    store::Token,
};
use idempotent_tests::{
    Http1, Reply, TestServer, pgbouncer::PgBouncer, pooled::Pooled, post as request, requests::hold,
};
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Row,
    postgres::{PgPoolOptions, PgRow},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// State of the session that the pooler has just lent, beside what the pooler sets for each
/// client: settings, channels, prepared statements, locks, temporary tables, and the mark of a
/// transaction.
const LOOK: &str = "SELECT pg_backend_pid(), concat_ws('; ',
    (SELECT string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE source = 'session' AND name NOT IN
        ('application_name', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'standard_conforming_strings')),
    (SELECT string_agg(channel, ', ') FROM pg_listening_channels() AS channels (channel)),
    (SELECT string_agg(statement, ', ') FROM pg_prepared_statements),
    (SELECT string_agg(locktype, ', ') FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
    (SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()),
    nullif(current_setting('idempotent.transaction', true), ''))";

/// Another client of the pooler's, and what it has seen.
struct Looker {
    connection: PgConnection,
    sessions: BTreeSet<i32>,
    looks: usize,
}

impl Looker {
    async fn new(pooler: &PgBouncer) -> Self {
        let connection = PgConnection::connect_with(&pooler.options()).await.unwrap();
        Looker { connection, sessions: BTreeSet::new(), looks: 0 }
    }

    async fn look(&mut self) {
        let row: PgRow = self.connection.fetch_one(LOOK).await.unwrap();
        self.looks += 1;
        self.sessions.insert(row.get(0));
        assert_eq!(row.get::<&str, _>(1), "", "left behind, after {} looks", self.looks);
    }
}

/// Number of looks of the other client.
fn looks() -> usize {
    std::env::var("POOLER_LOOKS").map_or(2_000, |looks| looks.parse().unwrap())
}

/// Time that the load goes on.
fn load_time() -> Duration {
    Duration::from_secs(std::env::var("POOLER_SECONDS").map_or(5, |seconds| seconds.parse().unwrap()))
}

/// Pairs of connections that send requests all the time: one to each node.
const PAIRS: usize = 32;

/// Number of times that the order of each key was made.
#[derive(Default)]
struct Orders(Mutex<BTreeMap<String, usize>>);

#[post("/orders")]
#[idempotent(ttl = "24h", scope = "global")]
async fn order(
    count: web::Json<u32>,
    context: IdempotencyContext,
    orders: web::Data<Orders>,
) -> impl Responder {
    let mut made = orders.0.lock().unwrap();
    *made.entry(context.key().to_owned()).or_default() += 1;
    HttpResponse::Created().body(format!("{count} for {}, the {}th", context.key(), made.len()))
}

/// The table of the transfers.
struct Table(String);

#[post("/transfers")]
#[idempotent(ttl = "24h", scope = "global", transaction)]
async fn transfer(
    cents: web::Json<i64>,
    mut tx: IdempotentTx<Postgres>,
    table: web::Data<Table>,
) -> Result<HttpResponse, TransactionError> {
    let insert = format!("INSERT INTO {} VALUES ({cents})", table.0);
    (&mut *tx).execute(AssertSqlSafe(insert)).await?;
    Ok(HttpResponse::Created().body(format!("{cents} cents")))
}

/// A node of the service.
async fn node(pooled: &Pooled, orders: &web::Data<Orders>) -> (TestServer, PostgresStore) {
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(pooled.pooler.options());
    let store = PostgresStore::builder(pool).schema(&pooled.schema.name).build().await.unwrap();
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let (orders, table) =
        (orders.clone(), web::Data::new(Table(format!("{}.transfers", pooled.schema.name))));
    let server = TestServer::start(2, move |app| {
        app.app_data(idempotency.clone()).app_data(orders.clone()).app_data(table.clone());
        app.service(order).service(transfer);
    });
    (server, store)
}

/// Answers that the clients of the service were given.
#[derive(Debug, Default)]
struct Told {
    requests: usize,
    /// Refusals that say that the same request may succeed later, by their codes.
    refused: BTreeMap<String, usize>,
}

/// A client of the service, with a connection to each node.
struct Client {
    nodes: [Http1; 2],
    told: Told,
}

impl Client {
    async fn of(addresses: [SocketAddr; 2]) -> Self {
        let [one, other] = addresses.map(Http1::open);
        Client { nodes: [one.await, other.await], told: Told::default() }
    }

    /// Sends one request to both nodes at once, until both have answered for good. The second is a
    /// duplicate on another node.
    async fn send_to_both(&mut self, request: &[u8]) -> [Reply; 2] {
        let Client { nodes: [one, other], told } = self;
        let (first, second) = futures_util::join!(answered(one, request, 201), answered(other, request, 201));
        [first, second].map(|(reply, codes)| {
            told.requests += 1;
            codes.into_iter().for_each(|code| *told.refused.entry(code).or_default() += 1);
            reply
        })
    }

    /// One key: a request that is not understood, its right form, and a retry.
    async fn use_a_key(&mut self, path: &str) {
        let token = Token::random().unwrap();
        let key = format!("Idempotency-Key: {:032x}", u128::from_be_bytes(*token.as_bytes()));
        let json = "Content-Type: application/json";
        // It is refused by an extractor, and its key is free again.
        answered(&mut self.nodes[0], &request(path, &[&key, json], b"many"), 400).await;
        let request = request(path, &[&key, json], b"7");
        let [first, second] = self.send_to_both(&request).await;
        let retries = self.send_to_both(&request).await;
        for reply in [&first, &second, &retries[0], &retries[1]] {
            assert_eq!((reply.status, &reply.body), (201, &first.body), "{reply:?}");
        }
        assert!(first.is_replay() != second.is_replay(), "one of them has run: {first:?} {second:?}");
        assert!(retries.iter().all(Reply::is_replay), "{retries:?}");
    }
}

/// The answer that ends a request, and the codes of the refusals before it. Panics at an answer
/// that the contract does not name.
async fn answered(node: &mut Http1, request: &[u8], wanted: u16) -> (Reply, Vec<String>) {
    let mut codes = Vec::new();
    loop {
        let reply = node.exchange(request).await;
        match reply.status {
            status if status == wanted => return (reply, codes),
            409 | 503 if reply.json()["retryable"] == true => codes.push(reply.code()),
            _ => panic!("no such answer is in the contract: {reply:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn load(addresses: [SocketAddr; 2], ends: Arc<AtomicBool>) -> Told {
    let mut client = Client::of(addresses).await;
    let mut keys = 0;
    while !ends.load(SeqCst) {
        client.use_a_key(if keys % 4 == 0 { "/transfers" } else { "/orders" }).await;
        keys += 1;
    }
    client.told
}

/// Of what the store does in the background, too.
async fn look_until_the_end(looker: &mut Looker, stores: [&PostgresStore; 2]) {
    let began = Instant::now();
    while began.elapsed() < load_time() || looker.looks < looks() {
        looker.look().await;
        if looker.looks.is_multiple_of(500) {
            stores[0].sweep().await.unwrap();
            stores[1].inspect(hold().address).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_a_pooler_changes_no_answer_and_its_other_client_sees_nothing() {
    let pooled = Pooled::new().await;
    let mut looker = Looker::new(&pooled.pooler).await;
    looker.look().await;
    pooled.schema.execute("CREATE SCHEMA {}; CREATE TABLE {}.transfers (cents bigint)").await;
    let orders = web::Data::new(Orders::default());
    let (one, other) = (node(&pooled, &orders).await, node(&pooled, &orders).await);
    let (addresses, ends) = ([one.0.address(), other.0.address()], Arc::new(AtomicBool::new(false)));
    let clients: JoinSet<_> = (0..PAIRS).map(|_| load(addresses, Arc::clone(&ends))).collect();
    look_until_the_end(&mut looker, [&one.1, &other.1]).await;
    ends.store(true, SeqCst);
    let told = clients.join_all().await.into_iter().fold(Told::default(), |mut all, told| {
        all.requests += told.requests;
        told.refused.into_iter().for_each(|(code, times)| *all.refused.entry(code).or_default() += times);
        all
    });
    println!("{told:?}, {} looks at {} sessions", looker.looks, looker.sessions.len());
    assert!(looker.sessions.len() > 1, "{:?}", looker.sessions);
    let made = orders.0.lock().unwrap().clone();
    assert!(made.values().all(|times| *times == 1), "{made:?}");
    let transfers = pooled.schema.number("SELECT count(*) FROM {}.transfers").await;
    let replies = 4 * (made.len() + usize::try_from(transfers).unwrap());
    assert_eq!(told.requests, replies, "{} orders, {transfers} transfers", made.len());
}
