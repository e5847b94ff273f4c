//! Rights that the user of the store needs.

use std::sync::Arc;

use idempotent_runtime::{
    PostgresStore, PostgresStoreBuilder, SetupError,
    conformance::{Subject, check},
};
use idempotent_tests::{
    granted::{Granted, documented},
    postgres::Schema,
};
use sqlx::postgres::PgPoolOptions;

use super::{WON, claim, hold};

/// Rights that are said to be missing.
async fn missing(granted: &Granted) -> String {
    match granted.builder().build().await {
        Err(SetupError::Rights { store: "postgres", user, missing }) => {
            assert_eq!(user, granted.user);
            missing.replace(&granted.schema.name, "{}")
        }
        other => panic!("{other:?}"),
    }
}

fn builder_for(schema: &Schema, user: &str) -> PostgresStoreBuilder {
    let pool = PgPoolOptions::new().connect_lazy_with(schema.options().username(user));
    PostgresStore::builder(pool).schema(&schema.name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_with_the_documented_rights_runs_the_store() {
    let granted = Arc::new(Granted::with(&documented()).await);
    let (opened, shifted) = (Arc::clone(&granted), Arc::clone(&granted));
    let open = move || {
        let granted = Arc::clone(&opened);
        async move { granted.builder().build().await.unwrap() }
    };
    let shift = move |time| {
        let granted = Arc::clone(&shifted);
        async move { granted.schema.shift(time).await }
    };
    check(Subject::new(open).shift(shift).keys(20).calls(10_000).resolves().inspects()).await.assert();
    granted.builder().build().await.unwrap().sweep().await.unwrap();
    if let Some(granted) = Arc::into_inner(granted) {
        granted.drop().await;
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_when_the_store_is_built() {
    let cases = [
        ("USAGE ON SCHEMA", "USAGE on schema {}"),
        ("SELECT ON idempotent.keys_versions", "SELECT on table {}.keys_versions"),
        (
            "SELECT, INSERT",
            "SELECT on table {}.keys, INSERT on table {}.keys, UPDATE on table {}.keys, DELETE on table {}.keys",
        ),
    ];
    for (left_out, expected) in cases {
        let rights: Vec<_> = documented().into_iter().filter(|right| !right.starts_with(left_out)).collect();
        let granted = Granted::with(&rights).await;
        assert_eq!(missing(&granted).await, expected);
        granted.drop().await;
    }
    let granted = Granted::with(&documented()).await;
    let revoked = format!(
        "REVOKE DELETE ON {{}}.keys FROM {0};
         REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {{}} FROM {0};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {{}} TO {0};
         DO $$ BEGIN
            EXECUTE (SELECT 'REVOKE EXECUTE ON FUNCTION ' || oid::regprocedure || ' FROM {0}' FROM pg_proc
                WHERE proname = 'keys_stuck' AND pronamespace = '{{}}'::regnamespace);
         END $$",
        granted.user
    );
    granted.schema.execute(&revoked).await;
    assert_eq!(missing(&granted).await, "DELETE on table {}.keys, EXECUTE on function {}.keys_stuck");
    granted.drop().await;
}

#[tokio::test]
async fn who_may_not_create_the_schema_is_told_so() {
    let schema = Schema::new().await;
    let user = format!("{}_app", schema.name);
    schema.execute(&format!("DROP ROLE IF EXISTS {user}; CREATE ROLE {user} LOGIN")).await;
    let error = builder_for(&schema, &user).build().await.unwrap_err();
    assert!(error.to_string().contains("lacks CREATE on database"), "{error}");
    schema.execute(&format!("CREATE SCHEMA {{}}; GRANT USAGE ON SCHEMA {{}} TO {user}")).await;
    let error = builder_for(&schema, &user).migrate().await.unwrap_err();
    assert!(error.to_string().contains(&format!("lacks CREATE on schema {}", schema.name)), "{error}");
    schema.execute(&format!("GRANT CREATE ON SCHEMA {{}} TO {user}")).await;
    let store = builder_for(&schema, &user).build().await.unwrap();
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    schema.execute(&format!("DROP SCHEMA {{}} CASCADE; DROP OWNED BY {user}; DROP ROLE {user}")).await;
}
