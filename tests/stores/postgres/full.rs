//! A server whose disk is full.

use futures_util::future::join_all;
use idempotent_runtime::{
    Store, StoreError,
    store::{Claim, Completion, Renewal},
};
use idempotent_tests::{
    postgres::Schema,
    requests::{is_in_flight, request},
};

use super::{HOUR, WON, claim, complete, hold, is_replay, retry};

/// Makes the server answer as one whose disk is full, in the end, when `what` is done to a row.
async fn fill(schema: &Schema, what: &str) {
    let full = "CREATE FUNCTION {}.no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER no_room AFTER ";
    schema.execute(&format!("{full} {what} ON {{}}.keys FOR EACH ROW EXECUTE FUNCTION {{}}.no_room()")).await;
}

async fn make_room(schema: &Schema) {
    schema.execute("DROP FUNCTION {}.no_room() CASCADE").await;
}

#[track_caller]
fn is_full<T: std::fmt::Debug>(failed: Result<T, StoreError>) {
    assert!(matches!(failed, Err(StoreError::Full { store: "postgres", .. })), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_refuses_new_keys_and_goes_on_with_those_it_has() {
    let schema = Schema::new().await;
    // One connection, so that they share statements.
    let store = schema.builder().connections(1).build().await.unwrap();
    let (done, running, abandoned) = (hold(), hold(), hold());
    claim(&store, abandoned).await.unwrap();
    schema.shift(HOUR * 3 / 2).await;
    claim(&store, running).await.unwrap();
    claim(&store, done).await.unwrap();
    complete(&store, done).await.unwrap();

    fill(&schema, "INSERT").await;
    let new = || join_all((0..20).map(|_| claim(&store, hold())));
    let (refused, replay, _, in_flight, seen, renewed, refused_too) = tokio::join!(
        new(),
        claim(&store, retry(done)),
        new(),
        claim(&store, retry(running)),
        store.claim(request(retry(abandoned))),
        store.renew(running, HOUR),
        new(),
    );
    refused.into_iter().chain(refused_too).for_each(is_full);
    is_replay(&replay.unwrap(), done);
    is_in_flight(&in_flight.unwrap());
    assert_eq!(seen.unwrap(), Claim::Abandoned);
    assert_eq!(renewed.unwrap(), Renewal::Renewed);
    let (stored, refused) = tokio::join!(complete(&store, running), claim(&store, hold()));
    assert_eq!(stored.unwrap(), Completion::Stored);
    is_full(refused);
    is_replay(&claim(&store, retry(running)).await.unwrap(), running);

    make_room(&schema).await;
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_response_for_which_there_is_no_room_is_stored_when_there_is() {
    let schema = Schema::new().await;
    let store = schema.builder().connections(1).build().await.unwrap();
    let (done, running) = (hold(), hold());
    for owner in [done, running] {
        claim(&store, owner).await.unwrap();
    }
    complete(&store, done).await.unwrap();
    fill(&schema, "UPDATE").await;
    let (refused, replay, won) =
        tokio::join!(complete(&store, running), claim(&store, retry(done)), claim(&store, hold()));
    is_full(refused);
    is_replay(&replay.unwrap(), done);
    assert_eq!(won.unwrap(), WON);
    make_room(&schema).await;
    assert_eq!(complete(&store, running).await.unwrap(), Completion::Stored);
    is_replay(&claim(&store, retry(running)).await.unwrap(), running);
    schema.drop().await;
}
