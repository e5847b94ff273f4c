//! Handlers that act in a role of the database that has rights on their rows only.

use idempotent_runtime::{Idempotency, PostgresStore};
use idempotent_tests::granted::{Granted, documented};
use sqlx::postgres::PgPoolOptions;

use crate::fixture::{Fixture, OnPostgres, Setup};

/// Allows a role of this test's own to insert rows, and nothing else; gives its name.
async fn tenant(fixture: &OnPostgres) -> String {
    let create =
        "CREATE ROLE {}_tenant; GRANT USAGE ON SCHEMA {} TO {}_tenant; GRANT INSERT ON {}.rows TO {}_tenant";
    fixture.0.execute(create).await;
    format!("{}_tenant", fixture.0.name)
}

async fn clean(fixture: OnPostgres) {
    fixture.0.execute("DROP OWNED BY {}_tenant; DROP ROLE {}_tenant").await;
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_in_a_role_of_its_own_gives_it_back_before_it_ends_and_commits() {
    let fixture = OnPostgres::new().await;
    let role = tenant(&fixture).await;
    let setup = Setup::new(&fixture).await;
    let into = format!("SELECT~set_config('role','{role}',true)");
    let made = setup.ask("1", &format!("{into} insert SET~LOCAL~ROLE~NONE 201")).await;
    assert_eq!((made.status, fixture.count().await), (201, 1), "{made:?}");
    let replay = setup.ask("1", &format!("{into} insert SET~LOCAL~ROLE~NONE 201")).await;
    assert!(replay.is_replay() && setup.handler.runs() == 1, "{replay:?}");
    // A refusal of the handler's own takes its rows back, and the role with them.
    let refused = format!("{into} insert 422");
    assert_eq!(setup.ask("2", &refused).await.status, 422);
    assert!(setup.ask("2", &refused).await.is_replay());
    assert_eq!(fixture.count().await, 1);
    // The role is gone from the connections that others get.
    for key in ["3", "4", "5", "6", "7"] {
        assert_eq!(setup.ask(key, "DELETE~FROM~{rows}~WHERE~false insert 201").await.status, 201);
    }
    drop(setup);
    clean(fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_on_the_stores_table_that_is_kept_commits_nothing() {
    let fixture = OnPostgres::new().await;
    let role = tenant(&fixture).await;
    let setup = Setup::new(&fixture).await;
    let body = format!("SET~LOCAL~ROLE~{role} insert 201");
    for runs in 1..=2 {
        let failed = setup.ask("1", &body).await;
        assert_eq!(
            (failed.status, failed.is_replay(), setup.handler.runs()),
            (500, false, runs),
            "{failed:?}"
        );
    }
    assert_eq!(fixture.count().await, 0);
    drop(setup);
    clean(fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_rights_and_those_on_its_own_rows_runs_a_transaction() {
    let granted = Granted::with(&documented()).await;
    let (options, user) = (granted.options(), granted.user.clone());
    let rows = format!("CREATE TABLE {{}}.rows (key text NOT NULL); GRANT INSERT ON {{}}.rows TO {user}");
    granted.schema.execute(&rows).await;
    let fixture = OnPostgres(granted.schema);
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let store = PostgresStore::builder(pool.clone()).schema(&fixture.0.name).build().await.unwrap();
    let setup = Setup::with(&fixture, pool, Idempotency::builder().store(store)).await;
    for (key, status, rows) in [("1", 201, 1), ("2", 422, 1), ("3", 503, 1), ("4", 201, 2)] {
        let reply = setup.ask(key, &format!("insert {status}")).await;
        assert_eq!((reply.status, fixture.count().await), (status, rows), "{reply:?}");
    }
    assert!(setup.ask("1", "insert 201").await.is_replay());
    drop(setup);
    fixture.0.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
    fixture.clean().await;
}
