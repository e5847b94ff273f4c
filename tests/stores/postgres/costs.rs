//! Cost of a request, counted at the server and on the wire.

use std::time::Duration;

use idempotent_runtime::{
    PostgresStore, Store,
    store::{Claim, ClaimRequest},
};
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer, proxy::Proxy};
use sqlx::postgres::PgPoolOptions;
use tokio::time::{sleep, timeout};

use super::{HOUR, WON, claim, complete, hold, is_replay, request, retry};

const LISTENERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = 'node'";

/// A node behind a proxy, with one connection, so that it is warm once it has been used.
async fn node(server: &PostgresServer, schema: &Schema) -> (PostgresStore, Proxy) {
    let proxy = Proxy::to(server.port()).await;
    let options = server.options().port(proxy.port()).application_name("node");
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let builder = PostgresStore::builder(pool).schema(&schema.name).connections(1);
    let store = builder.sweep_every(HOUR).build().await.unwrap();
    let warm = hold();
    claim(&store, warm).await.unwrap();
    store.release(warm).await.unwrap();
    let listens = async {
        while schema.number(LISTENERS).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), listens).await.expect("it listens for notifications");
    (store, proxy)
}

/// Counts while `work` is done: statements at the server, and messages to it on the wire.
struct Count<'a> {
    schema: &'a Schema,
    proxy: &'a Proxy,
    store: &'a PostgresStore,
}

#[derive(Debug)]
struct Cost {
    statements: i64,
    messages: u64,
    looks: u64,
}

impl Count<'_> {
    async fn statements(&self) -> i64 {
        // What the store's functions do inside is not counted: the server tracks what clients send.
        self.statements_with("").await
    }

    /// Statements that call the function of this name.
    async fn statements_with(&self, function: &str) -> i64 {
        let calls = format!(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query LIKE 'SELECT %{{}}_.keys{function}%' AND query NOT LIKE '%pg_stat%'"
        );
        self.schema.number(&calls).await
    }

    async fn now(&self) -> Cost {
        let statements = self.statements().await;
        Cost { statements, messages: self.proxy.messages() as u64, looks: self.store.polls() }
    }

    async fn of<T>(&self, work: impl Future<Output = T>) -> (T, Cost) {
        let before = self.now().await;
        let done = work.await;
        let after = self.now().await;
        let cost = Cost {
            statements: after.statements - before.statements,
            messages: after.messages - before.messages,
            looks: after.looks - before.looks,
        };
        (done, cost)
    }
}

impl Cost {
    /// Asserts one round trip. Each few seconds the store looks at what is waited for. Such a look
    /// may come in between, and share a statement or have its own.
    #[track_caller]
    fn is_one_trip(&self, what: &str) {
        let right = 1..=1 + self.looks;
        assert!(right.contains(&self.messages), "{what}: {self:?}");
        assert!(right.contains(&self.statements.unsigned_abs()), "{what}: {self:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_verb_costs_one_round_trip() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]).await;
    let schema = Schema::on(server.options()).await;
    schema.execute("CREATE EXTENSION pg_stat_statements").await;
    let (store, proxy) = node(&server, &schema).await;
    let count = Count { schema: &schema, proxy: &proxy, store: &store };

    for _ in 0..20 {
        let owner = hold();
        let (won, cost) = count.of(claim(&store, owner)).await;
        assert_eq!(won.unwrap(), WON);
        cost.is_one_trip("a claim that wins");
        let (duplicate, cost) = count.of(claim(&store, retry(owner))).await;
        assert!(matches!(duplicate.unwrap(), Claim::InFlight { .. }));
        cost.is_one_trip("a claim in flight");
        count.of(store.renew(owner, HOUR)).await.1.is_one_trip("a renewal");
        count.of(complete(&store, owner)).await.1.is_one_trip("a completion");
        let (replay, cost) = count.of(claim(&store, retry(owner))).await;
        is_replay(&replay.unwrap(), owner);
        cost.is_one_trip("a replay");
        let released = hold();
        claim(&store, released).await.unwrap();
        count.of(store.release(released)).await.1.is_one_trip("a release");
    }
    assert!(count.statements_with("_alone(").await > 0, "a lone call has a function of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_duplicate_that_waits_costs_its_claim_and_one_read_after_waking() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]).await;
    let schema = Schema::on(server.options()).await;
    schema.execute("CREATE EXTENSION pg_stat_statements").await;
    let owning = schema.store().await;
    let (waiting, proxy) = node(&server, &schema).await;
    for _ in 0..10 {
        let owner = hold();
        claim(&owning, owner).await.unwrap();
        let (before, looks) = (proxy.messages(), waiting.polls());
        let duplicate = retry(owner);
        claim(&waiting, duplicate).await.unwrap();
        let (owning, completing) = (owning.clone(), owner);
        let completed = tokio::spawn(async move {
            sleep(Duration::from_millis(50)).await;
            complete(&owning, completing).await.unwrap();
        });
        waiting.changed(duplicate.address).await;
        is_replay(&claim(&waiting, duplicate).await.unwrap(), owner);
        completed.await.unwrap();
        // Each few seconds the store looks at what is waited for.
        let most = 2 + usize::try_from(waiting.polls() - looks).unwrap();
        assert!((2..=most).contains(&(proxy.messages() - before)), "2 to {most} are right");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_executions_at_once_share_statements_and_commits() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]).await;
    let schema = Schema::on(server.options()).await;
    schema.execute("CREATE EXTENSION pg_stat_statements").await;
    let (store, proxy) = node(&server, &schema).await;
    let count = Count { schema: &schema, proxy: &proxy, store: &store };
    let all = async {
        let executions = (0..1_000).map(|_| async {
            let owner = hold();
            claim(&store, owner).await.unwrap();
            complete(&store, owner).await.unwrap();
        });
        futures_util::future::join_all(executions).await.len()
    };
    let (executions, Cost { statements, .. }) = count.of(all).await;
    println!("{executions} executions at once: {statements} statements");
    assert!(statements < 60, "{statements} statements");
    assert!(count.statements_with("_calls(").await > 0, "calls that come at once share a function");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completions_touch_no_index() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    for _ in 0..20 {
        let executions = (0..50).map(|_| async {
            // A claim with a short lease is forgotten at about the same time as its record.
            let (hold, lease) = (hold(), Duration::from_secs(30));
            store.claim(ClaimRequest { lease, ..request(hold) }).await.unwrap();
            complete(&store, hold).await.unwrap();
        });
        futures_util::future::join_all(executions).await;
    }
    // The server counts a little later.
    let counted = |counter: &str| {
        format!("SELECT {counter} FROM pg_stat_user_tables WHERE schemaname = '{{}}' AND relname = 'keys'")
    };
    let all = async {
        while schema.number(&counted("n_tup_upd")).await < 1_000 {
            claim(&store, hold()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("all completions are counted");
    let hot = schema.number(&counted("n_tup_hot_upd")).await;
    println!("{hot} of 1000 completions touched no index");
    assert!(hot >= 900, "{hot} of 1000");
    schema.drop().await;
}
