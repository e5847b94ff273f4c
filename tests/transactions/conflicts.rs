//! Conflicts and failures of PostgreSQL, with every library that handlers write their rows with.

use idempotent_tests::Reply;

use crate::fixture::{InPostgres, Setup};

on_postgres! {
    a_connection_that_is_killed_is_a_503_and_the_next_attempt_runs,
    a_deadlock_is_a_503_for_one_and_its_next_attempt_runs,
    a_serialization_failure_is_a_503_for_one_and_its_next_attempt_runs,
    a_transaction_that_had_failed_before_its_handler_said_that_all_is_well_keeps_nothing,
    a_constraint_that_is_checked_at_the_commit_takes_everything_back,
}

async fn a_connection_that_is_killed_is_a_503_and_the_next_attempt_runs(fixture: &impl InPostgres) {
    let it = Setup::new(fixture).await;
    let dies = "SELECT~pg_terminate_backend(pg_backend_pid())";
    // Whether the handler says what went wrong, or that all is well, or that it is the client's
    // fault, or its own.
    let cases = [
        (format!("insert {dies} 201"), 503),
        (format!("insert swallow:{dies} 201"), 503),
        (format!("insert swallow:{dies} 500"), 503),
        (format!("insert swallow:{dies} 422"), 422),
    ];
    for (case, (deeds, status)) in cases.iter().enumerate() {
        for again in 1..=2 {
            let reply = it.ask(&format!("k{case}"), deeds).await;
            assert_eq!(reply.status, *status, "{deeds}: {reply:?}");
            if *status == 503 {
                is_to_be_retried(&reply);
                assert_eq!(it.handler.runs(), 2 * case + again);
            }
        }
    }
    assert_eq!(fixture.count().await, 0);
    assert_eq!(it.ask("l", "insert 201").await.status, 201);
}

fn is_to_be_retried(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (503, "store_unavailable"), "{reply:?}");
    assert_eq!((reply.header("retry-after"), &reply.json()["retryable"]), (Some("1"), &true.into()));
}

/// Runs two handlers up to where both wait, and then on. Gives their answers, in the order in which
/// they were let on.
async fn interleaved(it: &Setup<impl InPostgres>, one: &str, other: &str) -> [Reply; 2] {
    let replies = tokio::join!(it.ask("one", one), it.ask("other", other), async {
        for _ in 0..2 {
            it.handler.began().await;
        }
        it.handler.let_one_through();
        it.handler.let_one_through();
    });
    [replies.0, replies.1]
}

async fn a_deadlock_is_a_503_for_one_and_its_next_attempt_runs(fixture: &impl InPostgres) {
    fixture.schema().execute("INSERT INTO {}.rows VALUES ('a'), ('b')").await;
    let it = Setup::new(fixture).await;
    let (a, b) = ("UPDATE~{rows}~SET~key='a'~WHERE~key='a'", "UPDATE~{rows}~SET~key='b'~WHERE~key='b'");
    let (one, other) = (format!("{a} wait {b} 201"), format!("{b} wait {a} 201"));
    let replies = interleaved(&it, &one, &other).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(refused.len(), 1, "{replies:?}");
    is_to_be_retried(refused[0]);
    it.handler.let_one_through();
    for (key, deeds) in [("one", &one), ("other", &other)] {
        assert_eq!(it.ask(key, deeds).await.status, 201);
    }
    assert_eq!(it.handler.runs(), 3);
}

async fn a_serialization_failure_is_a_503_for_one_and_its_next_attempt_runs(fixture: &impl InPostgres) {
    let it = Setup::new(fixture).await;
    let deeds = "SET~TRANSACTION~ISOLATION~LEVEL~SERIALIZABLE SELECT~count(*)~FROM~{rows} wait insert 201";
    let replies = interleaved(&it, deeds, deeds).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(refused.len(), 1, "{replies:?}");
    is_to_be_retried(refused[0]);
    it.handler.let_one_through();
    for key in ["one", "other"] {
        assert_eq!(it.ask(key, deeds).await.status, 201);
    }
    assert_eq!((it.handler.runs(), fixture.count().await), (3, 2));
}

async fn a_transaction_that_had_failed_before_its_handler_said_that_all_is_well_keeps_nothing(
    fixture: &impl InPostgres,
) {
    let it = Setup::new(fixture).await;
    for run in 1..=2 {
        let reply = it.ask("k", "insert swallow:SELECT~1/0 201").await;
        assert_eq!((reply.status, reply.text()), (500, ""));
        assert_eq!((it.handler.runs(), fixture.count().await), (run, 0));
    }
}

async fn a_constraint_that_is_checked_at_the_commit_takes_everything_back(fixture: &impl InPostgres) {
    fixture.schema().execute("ALTER TABLE {}.rows ADD UNIQUE (key) DEFERRABLE INITIALLY DEFERRED").await;
    let it = Setup::new(fixture).await;
    for run in 1..=2 {
        let reply = it.ask("k", "insert insert 201").await;
        assert_eq!((reply.status, reply.text()), (500, ""));
        assert_eq!((it.handler.runs(), fixture.count().await), (run, 0));
    }
}
