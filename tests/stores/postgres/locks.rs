//! A row that somebody else has locked holds up its own calls, and nobody else's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use idempotent_runtime::{
    PostgresStore, Store, StoreError,
    store::{
        Claim, Completion, Forget, ForgetRequest, Hold, Record, Resolve, ResolveRequest, Stage, Standing,
        StuckRequest,
    },
};
use idempotent_tests::{
    postgres::Schema,
    requests::{HOUR, KEPT},
};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{WON, claim, complete, hold, is_replay, record_of, retry};

/// So many claims that are won.
async fn won(store: &PostgresStore, number: usize) -> Vec<Hold> {
    let holds: Vec<_> = (0..number).map(|_| hold()).collect();
    for claim in join_all(holds.iter().map(|hold| claim(store, *hold))).await {
        assert_eq!(claim.unwrap(), WON);
    }
    holds
}

/// Somebody's transaction, which holds locks until it ends.
struct Somebody(PgPool);

impl Somebody {
    fn at(schema: &Schema) -> Self {
        Somebody(schema.pool(1))
    }

    async fn locks(&self, schema: &Schema, holds: &[Hold]) -> Transaction<'static, Postgres> {
        let mut transaction = self.0.begin().await.unwrap();
        let addresses: Vec<_> = holds.iter().map(|hold| hold.address.as_bytes().to_vec()).collect();
        let lock = format!("SELECT 1 FROM {}.keys WHERE address = ANY($1) FOR UPDATE", schema.name);
        let locked = sqlx::query(AssertSqlSafe(lock)).bind(addresses).fetch_all(&mut *transaction).await;
        assert_eq!(locked.unwrap().len(), holds.len());
        transaction
    }
}

#[track_caller]
fn did_nothing<T: std::fmt::Debug>(failed: Result<T, StoreError>) {
    assert!(matches!(failed, Err(StoreError::NotDone { .. })), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_row_fails_its_own_calls_in_time_and_no_others() {
    let schema = Schema::new().await;
    // One connection, so that they share statements.
    let store = schema.builder().connections(1).build().await.unwrap();
    let owners = won(&store, 3).await;
    let transaction = Somebody::at(&schema).locks(&schema, &owners).await;
    let began = Instant::now();
    let (locked, free) = tokio::join!(
        join_all(owners.iter().map(|owner| complete(&store, *owner))),
        join_all((0..500).map(|_| claim(&store, hold()))),
    );
    println!("all are answered after {:?}", began.elapsed());
    locked.into_iter().for_each(did_nothing);
    free.into_iter().for_each(|claim| assert_eq!(claim.unwrap(), WON));
    transaction.rollback().await.unwrap();
    for owner in owners {
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_calls_for_locked_rows_starves_nobody() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owners = won(&store, 40).await;
    let transaction = Somebody::at(&schema).locks(&schema, &owners).await;
    let (stop, failures) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut flood = JoinSet::new();
    for owner in owners.iter().cycle().take(400) {
        let (store, owner, stop, failures) = (store.clone(), *owner, stop.clone(), failures.clone());
        flood.spawn(async move {
            while !stop.load(SeqCst) {
                complete(&store, owner).await.unwrap_err();
                failures.fetch_add(1, SeqCst);
            }
        });
    }
    while failures.load(SeqCst) < 400 {
        sleep(Duration::from_millis(5)).await;
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        won(&store, 20).await;
        slowest = slowest.max(began.elapsed());
    }
    println!("beside {} calls for locked rows the slowest 20 claims took {slowest:?}", failures.load(SeqCst));
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    stop.store(true, SeqCst);
    flood.join_all().await;
    transaction.rollback().await.unwrap();
    for owner in owners {
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    }
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_that_is_locked_for_a_moment_is_waited_for() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let somebody = Somebody::at(&schema);
    // A busy machine may make a long time of a moment.
    for _ in 0..10 {
        let owner = won(&store, 1).await[0];
        let transaction = somebody.locks(&schema, &[owner]).await;
        let moment = async {
            sleep(Duration::from_millis(300)).await;
            transaction.rollback().await.unwrap();
        };
        if let (Ok(completion), ()) = tokio::join!(complete(&store, owner), moment) {
            assert_eq!(completion, Completion::Stored);
            return schema.drop().await;
        }
    }
    panic!("it is never waited for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_table_fails_all_calls_in_time() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owners = won(&store, 200).await;
    let pool = schema.pool(1);
    let mut transaction = pool.begin().await.unwrap();
    let lock = AssertSqlSafe(format!("LOCK TABLE {}.keys", schema.name));
    sqlx::raw_sql(lock).execute(&mut *transaction).await.unwrap();
    let calls = owners.iter().map(|owner| complete(&store, *owner));
    join_all(calls).await.into_iter().for_each(did_nothing);
    transaction.rollback().await.unwrap();
    for completion in join_all(owners.iter().map(|owner| complete(&store, *owner))).await {
        assert_eq!(completion.unwrap(), Completion::Stored);
    }
    schema.drop().await;
}

const MIB: usize = 1 << 20;

/// A record of a MiB that is no other hold's.
fn long(hold: Hold) -> Record {
    Record::from_bytes(record_of(hold).as_bytes().repeat(MIB / 16))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_too_long_for_one_statement_goes_in_several_and_one_that_fails_fails_no_other() {
    let schema = Schema::new().await;
    let store = schema.builder().connections(1).build().await.unwrap();
    let owners = won(&store, 24).await;
    let transaction = Somebody::at(&schema).locks(&schema, &owners[..1]).await;
    let mut stored = join_all(owners.iter().map(|owner| store.complete(*owner, long(*owner), KEPT))).await;
    did_nothing(stored.remove(0));
    stored.into_iter().for_each(|completion| assert_eq!(completion.unwrap(), Completion::Stored));
    transaction.rollback().await.unwrap();
    store.complete(owners[0], long(owners[0]), KEPT).await.unwrap();

    let replays = join_all(owners.iter().map(|owner| claim(&store, retry(*owner)))).await;
    for (replay, owner) in replays.into_iter().zip(&owners) {
        let is_its_own = matches!(replay.unwrap(), Claim::Replay { record, .. } if record == long(*owner));
        assert!(is_its_own, "a replay of its own record");
    }
    let all = "SELECT sum(octet_length(answers.record)) / 1048576 FROM (
            SELECT array_agg('claim'::text) AS verbs, array_agg(address) AS addresses, array_agg('\\x00'::bytea) AS tokens,
                array_agg(fingerprint) AS fingerprints, array_agg(1::bigint) AS numbers, array_agg(false) AS reruns,
                array_agg(''::bytea) AS records
            FROM {}.keys
        ) AS calls, {}.keys_calls(verbs, addresses, tokens, fingerprints, numbers, numbers, reruns, records, NULL, true) AS answers";
    assert_eq!(schema.number(all).await, 4, "one statement answers with 4 MiB");
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_row_is_looked_at_and_neither_ended_nor_forgotten_by_hand() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owners = won(&store, 2).await;
    schema.shift(HOUR * 3 / 2).await;
    let somebody = Somebody::at(&schema);
    let transaction = somebody.locks(&schema, &owners).await;
    let resolve = |owner: Hold| {
        let outcome = Some(record_of(owner));
        store.resolve(ResolveRequest {
            address: owner.address,
            token: hold().token,
            instead_of: None,
            outcome,
        })
    };
    let forget = |owner: Hold| {
        store.forget(ForgetRequest { address: owner.address, token: owner.token, stage: Stage::Claimed })
    };
    let [first, second] = [owners[0], owners[1]];
    let (resolved, forgotten) = tokio::join!(resolve(first), forget(second));
    for failed in [resolved.map(drop), forgotten.map(drop)] {
        let said = match &failed {
            Err(StoreError::NotDone { source, .. }) => source.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said, "another transaction has locked the row");
    }
    for owner in &owners {
        let found = store.inspect(owner.address).await.unwrap().unwrap();
        assert!(matches!(found.standing, Standing::Abandoned { .. }), "{found:?}");
    }
    let unknown = Record::from_bytes(&b"unknown"[..]);
    let stuck = store.stuck(StuckRequest { after: None, limit: 10, unknown, endpoint: None }).await.unwrap();
    assert_eq!(stuck.entries.len(), 2);
    transaction.rollback().await.unwrap();
    assert_eq!(resolve(first).await.unwrap(), Resolve::Done);
    assert_eq!(forget(second).await.unwrap(), Forget::Done);
    is_replay(&claim(&store, retry(first)).await.unwrap(), first);
    assert_eq!(claim(&store, retry(second)).await.unwrap(), WON);
    schema.drop().await;
}
