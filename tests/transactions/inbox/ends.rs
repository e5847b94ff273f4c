//! Steps whose transaction has ended before they have, and calls that do not come to their end.

use std::{
    fmt::Debug,
    future::{pending, poll_fn},
    panic::AssertUnwindSafe,
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use idempotent_runtime::{Idempotency, IdempotentTx, Once, OnceError, TransactionError, TransactionFailure};
use idempotent_tests::lent::Lent;
use tokio::{sync::oneshot, time::timeout};

use super::fixture::{Inbox, Settled};
use crate::fixture::{Fixture, OnPostgres, OnSqlite, within};

on_all! {
    a_step_that_rolls_back_itself_keeps_nothing_and_its_key_is_free,
    a_step_that_commits_itself_keeps_its_row_and_its_outcome_is_unknown,
    a_call_that_is_dropped_half_way_leaves_nothing_and_its_key_is_free,
    a_step_that_panics_leaves_nothing_and_its_key_is_free,
    a_call_that_is_dropped_after_its_step_has_committed_leaves_an_unknown_outcome,
    a_call_that_is_dropped_while_its_end_is_found_out_leaves_an_unknown_outcome,
    a_step_that_panics_after_it_has_committed_leaves_an_unknown_outcome,
}

mod counted {
    use super::a_savepoint_that_is_left_open_keeps_nothing_and_the_key_is_free;

    on_both!(a_savepoint_that_is_left_open_keeps_nothing_and_the_key_is_free);
    on!(
        on_diesel,
        crate::libraries::OnDiesel,
        a_savepoint_that_is_left_open_keeps_nothing_and_the_key_is_free,
    );
}

fn failure(told: Settled) -> TransactionFailure {
    match told {
        Err(OnceError::Transaction(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

async fn a_step_that_rolls_back_itself_keeps_nothing_and_its_key_is_free(fixture: &impl Fixture) {
    let it = Inbox::new(fixture).await;
    for run in 1..=2 {
        let failure = failure(it.settle("k", &["ROLLBACK"]).await);
        assert!(matches!(failure, TransactionFailure::RolledBack), "{failure:?}");
        assert_eq!((it.runs(), fixture.count().await), (run, 0));
    }
    let declined = it.settle("k", &["ROLLBACK", "not a statement"]).await;
    assert!(matches!(declined, Err(OnceError::Step(_))), "its own error is told: {declined:?}");
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(4), 1));
}

async fn a_step_that_commits_itself_keeps_its_row_and_its_outcome_is_unknown(fixture: &impl Fixture) {
    let it = Inbox::new(fixture).await;
    for (key, then) in [("k", &["COMMIT"][..]), ("l", &["COMMIT", "not a statement"])] {
        let before = fixture.count().await;
        let failure = failure(it.settle(key, then).await);
        assert!(matches!(failure, TransactionFailure::Committed), "{failure:?}");
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::OutcomeUnknown);
        assert_eq!(fixture.count().await - before, 1);
    }
    assert_eq!(it.runs(), 2);
}

async fn a_savepoint_that_is_left_open_keeps_nothing_and_the_key_is_free<P: Fixture>(fixture: &P) {
    let it = Inbox::new(fixture).await;
    let step = async |_, mut tx: IdempotentTx<P::Database>| {
        it.add("k", &mut tx).await?;
        P::Database::open_inner(&mut tx).await?;
        Ok(0)
    };
    let failure = failure(it.idempotency.once("settle", "k").run_in(step).await);
    assert!(matches!(failure, TransactionFailure::LeftOpen), "{failure:?}");
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(2), 1));
}

/// Settles a message with a step that adds its row, runs these statements and then never ends;
/// tells when it waits.
async fn never_ends<P: Fixture>(it: &Inbox<P>, then: &[&str], began: oneshot::Sender<()>) -> Settled {
    let step = async |_, mut tx: IdempotentTx<P::Database>| {
        it.add_and_run("k", then, &mut tx).await?;
        began.send(()).unwrap();
        pending().await
    };
    it.idempotency.once("settle", "k").run_in(step).await
}

/// Drops a call as soon as it is told that its step waits.
async fn dropped<T: Debug>(call: impl Future<Output = T>, began: oneshot::Receiver<()>) {
    tokio::select! {
        told = call => panic!("{told:?}"),
        told = within(began) => told.unwrap(),
    }
}

/// Polls a call whose step panics.
async fn panics<T: Debug>(call: impl Future<Output = T>) {
    within(AssertUnwindSafe(call).catch_unwind()).await.unwrap_err();
}

async fn a_call_that_is_dropped_half_way_leaves_nothing_and_its_key_is_free<P: Fixture>(fixture: &P) {
    let pool = fixture.pool(1);
    let store = fixture.store(pool.clone()).await;
    let it = Inbox::with(fixture, pool, Idempotency::builder().store(store));
    for run in 1..=3 {
        let (begin, began) = oneshot::channel();
        dropped(never_ends(&it, &[], begin), began).await;
        assert_eq!((it.runs(), fixture.count().await), (run, 0));
    }
    // The pool's only connection is of use, and nobody waits for a lease.
    let told = timeout(Duration::from_secs(10), it.settle("k", &[])).await.expect("the key is free");
    assert_eq!((told.unwrap(), fixture.count().await), (Once::Ran(4), 1));
}

async fn a_step_that_panics_leaves_nothing_and_its_key_is_free<P: Fixture>(fixture: &P) {
    let it = Inbox::new(fixture).await;
    let call = it.idempotency.once("settle", "k");
    let step =
        async |_, _: IdempotentTx<P::Database>| -> Result<u32, TransactionError> { panic!("a mistake") };
    let panicked = tokio::spawn(call.run_in(step)).await.unwrap_err();
    assert!(panicked.is_panic());
    let told = timeout(Duration::from_secs(10), it.settle("k", &[])).await.expect("the key is free");
    assert_eq!((told.unwrap(), fixture.count().await), (Once::Ran(1), 1));
}

/// A message whose step has committed its row is never settled again, here or by another node.
async fn is_unknown_and_has_one_row<P: Fixture>(it: &Inbox<P>, fixture: &P) {
    let other = Inbox::new(fixture).await;
    for node in [it, &other, it] {
        assert_eq!(node.settle("k", &[]).await.unwrap(), Once::OutcomeUnknown);
    }
    assert_eq!((it.runs() + other.runs(), fixture.count().await), (1, 1));
}

async fn a_call_that_is_dropped_after_its_step_has_committed_leaves_an_unknown_outcome<P: Fixture>(
    fixture: &P,
) {
    let it = Inbox::new(fixture).await;
    let (begin, began) = oneshot::channel();
    dropped(never_ends(&it, &["COMMIT"], begin), began).await;
    is_unknown_and_has_one_row(&it, fixture).await;
}

/// The step has returned, and the library is at the transaction.
async fn a_call_that_is_dropped_while_its_end_is_found_out_leaves_an_unknown_outcome<P: Fixture>(
    fixture: &P,
) {
    let declined = TransactionError::from(sqlx::Error::RowNotFound);
    for (key, last) in [("k", Ok(0)), ("l", Err(declined))] {
        let (it, before) = (Inbox::new(fixture).await, fixture.count().await);
        let (end, mut ended) = oneshot::channel();
        let step = async |_, mut tx: IdempotentTx<P::Database>| {
            it.add_and_run(key, &["COMMIT"], &mut tx).await?;
            end.send(()).unwrap();
            last
        };
        let mut call = Box::pin(it.idempotency.once("settle", key).run_in(step));
        within(poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(told) => panic!("its end was known at once: {told:?}"),
            Poll::Pending if ended.try_recv().is_ok() => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }))
        .await;
        drop(call);
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::OutcomeUnknown);
        assert_eq!((it.runs(), fixture.count().await - before), (1, 1));
    }
}

async fn a_step_that_panics_after_it_has_committed_leaves_an_unknown_outcome<P: Fixture>(fixture: &P) {
    let it = Inbox::new(fixture).await;
    let step = async |_, mut tx: IdempotentTx<P::Database>| -> Result<u32, TransactionError> {
        it.add_and_run("k", &["COMMIT"], &mut tx).await?;
        panic!("a mistake")
    };
    panics(it.idempotency.once("settle", "k").run_in(step)).await;
    is_unknown_and_has_one_row(&it, fixture).await;
}

/// Leaves the transaction of a message's step to a task, which runs `last` when it is told to, and
/// then tells that it has.
struct LeftBehind {
    last: &'static str,
    told: oneshot::Receiver<()>,
    done: oneshot::Sender<()>,
}

impl LeftBehind {
    fn new(last: &'static str) -> (LeftBehind, impl AsyncFnOnce()) {
        let ((tell, told), (done, is_done)) = (oneshot::channel(), oneshot::channel());
        let go_on = async || {
            tell.send(()).unwrap();
            within(is_done).await.unwrap();
        };
        (LeftBehind { last, told, done }, go_on)
    }

    async fn step<P: Fixture>(
        self,
        it: &Inbox<P>,
        key: &str,
        mut tx: IdempotentTx<P::Database>,
    ) -> Result<u32, TransactionError> {
        let run = it.add(key, &mut tx).await?;
        let LeftBehind { last, told, done } = self;
        tokio::spawn(async move {
            told.await.unwrap();
            let _ = P::Database::text(&mut tx, last.to_owned()).await;
            drop(tx);
            done.send(()).unwrap();
        });
        Ok(run)
    }
}

/// Leaves a transaction behind, and tells the result of the call once all is over.
async fn leaves_behind<P: Fixture>(it: &Inbox<P>, key: &str, last: &'static str) -> TransactionFailure {
    let (left, go_on) = LeftBehind::new(last);
    let step = async |_, tx: IdempotentTx<P::Database>| left.step(it, key, tx).await;
    let told = within(it.idempotency.once("settle", key).run_in(step)).await;
    go_on().await;
    failure(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_left_behind_on_sqlite_cannot_be_committed_any_more() {
    let fixture = OnSqlite::new().await;
    let it = Inbox::new(&fixture).await;
    for last in ["SELECT 1", "COMMIT"] {
        let failure = leaves_behind(&it, "k", last).await;
        assert!(matches!(failure, TransactionFailure::LeftOpen), "{last}: {failure:?}");
        assert_eq!(fixture.count().await, 0, "{last}");
    }
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(3), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_a_dropped_call_has_left_behind_on_sqlite_cannot_be_committed_any_more() {
    let fixture = OnSqlite::new().await;
    let it = Inbox::new(&fixture).await;
    let (left, go_on) = LeftBehind::new("COMMIT");
    let (begin, began) = oneshot::channel();
    let step = async |_, tx: IdempotentTx<sqlx::Sqlite>| {
        left.step(&it, "k", tx).await?;
        begin.send(()).unwrap();
        pending::<Result<u32, TransactionError>>().await
    };
    dropped(it.idempotency.once("settle", "k").run_in(step), began).await;
    go_on().await;
    assert_eq!(fixture.count().await, 0);
    assert_eq!((it.settle("k", &[]).await.unwrap(), fixture.count().await), (Once::Ran(2), 1));
}

/// Nobody else can keep a session of PostgreSQL's from committing.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_left_behind_on_postgres_leaves_an_unknown_outcome() {
    let fixture = OnPostgres::new().await;
    let it = Inbox::new(&fixture).await;
    for (last, rows) in [("SELECT 1", 0), ("COMMIT", 1)] {
        let before = fixture.count().await;
        let failure = leaves_behind(&it, last, last).await;
        assert!(matches!(failure, TransactionFailure::Committed), "{last}: {failure:?}");
        assert_eq!(it.settle(last, &[]).await.unwrap(), Once::OutcomeUnknown, "{last}");
        assert_eq!(fixture.count().await - before, rows, "{last}");
    }
    fixture.clean().await;
}

/// The way in which a call does not come to its end.
#[derive(Clone, Copy, Debug)]
enum Unfinished {
    Dropped,
    Panics,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_an_unfinished_call_has_left_behind_on_postgres_leaves_an_unknown_outcome() {
    let fixture = OnPostgres::new().await;
    let it = Inbox::new(&fixture).await;
    for (key, how) in [("k", Unfinished::Dropped), ("l", Unfinished::Panics)] {
        let before = fixture.count().await;
        let (left, go_on) = LeftBehind::new("COMMIT");
        let (begin, began) = oneshot::channel();
        let step = async |_, tx: IdempotentTx<sqlx::Postgres>| {
            left.step(&it, key, tx).await?;
            begin.send(()).unwrap();
            match how {
                Unfinished::Dropped => pending::<Result<u32, TransactionError>>().await,
                Unfinished::Panics => panic!("a mistake"),
            }
        };
        let call = it.idempotency.once("settle", key).run_in(step);
        match how {
            Unfinished::Dropped => dropped(call, began).await,
            Unfinished::Panics => panics(call).await,
        }
        // Before the task commits, and after.
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::OutcomeUnknown, "{how:?}");
        go_on().await;
        assert_eq!(it.settle(key, &[]).await.unwrap(), Once::OutcomeUnknown, "{how:?}");
        assert_eq!(fixture.count().await - before, 1, "{how:?}");
    }
    assert_eq!(it.runs(), 2);
    fixture.clean().await;
}
