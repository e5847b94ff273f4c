//! Several writers on one file, which let each other write.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use idempotent_runtime::{SqliteStore, Store, store::Claim};
use idempotent_tests::Scratch;
use tokio::task::yield_now;

use super::{claim, hold, open, pool};

/// Makes every claim a transaction that takes some ten milliseconds, as on a disk that is slow to
/// sync.
const SLOW: &str = "CREATE TRIGGER slow AFTER INSERT ON idempotency_keys BEGIN \
    SELECT count(*) FROM \
        (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n); END";

/// A writer that begins the next transaction as soon as one has ended.
#[derive(Clone)]
struct Busy {
    store: SqliteStore,
    done: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Busy {
    fn new(store: SqliteStore) -> Self {
        Busy { store, done: Arc::default(), enough: Arc::default() }
    }

    async fn run(self) {
        while !self.enough.load(Ordering::SeqCst) {
            self.store.claim(claim(hold())).await.unwrap();
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// Waits until it has done two more transactions.
    async fn goes_on(&self) {
        let done = self.done();
        while self.done() < done + 2 {
            yield_now().await;
        }
    }
}

const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_is_never_idle_lets_others_write() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (busy, other) = (Busy::new(open(&path).await), open(&path).await);
    sqlx::raw_sql(SLOW).execute(&pool(&path).await).await.unwrap();
    let running = tokio::spawn(busy.clone().run());
    let mut passed = Vec::new();
    for _ in 0..ROUNDS {
        busy.goes_on().await;
        let before = busy.done();
        assert_eq!(other.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
        passed.push(busy.done() - before);
    }
    busy.enough.store(true, Ordering::SeqCst);
    running.await.unwrap();
    println!("transactions that went before: {passed:?}");
    assert!(passed.iter().sum::<usize>() <= ROUNDS * 3, "{passed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_does_not_move_keeps_nobody_from_writing() {
    let scratch = Scratch::new();
    let store = open(&scratch.file("keys.db")).await;
    let first_in_line = File::create(scratch.file("keys.db-line")).unwrap();
    first_in_line.lock().unwrap();
    for _ in 0..3 {
        assert_eq!(store.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_can_be_no_line_writers_wait_for_each_other_all_the_same() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    std::fs::create_dir(scratch.file("keys.db-line")).unwrap();
    let stores = [open(&path).await, open(&path).await];
    let claims = (0..50).map(|at| stores[at % 2].claim(claim(hold())));
    for answer in join_all(claims).await {
        assert_eq!(answer.unwrap(), Claim::Won { attempt: 1 });
    }
}
