//! Errors that a server has answered, whatever the server.

use std::fmt::Debug;

use futures_util::future::join_all;
use idempotent_runtime::{Store, StoreError, store::Hold};

use idempotent_tests::requests::{HOUR, claim, complete, hold, is_replay, retry};

/// Fails where `store` does not say that the server has done nothing.
#[track_caller]
pub(crate) fn did_nothing<T: Debug>(store: &impl Store, answer: Result<T, StoreError>) {
    let is_undone = matches!(&answer, Err(StoreError::NotDone { store: name, .. }) if *name == store.name());
    assert!(is_undone, "{answer:?}");
}

/// Fails where `store` does not say that the entry cannot be read.
#[track_caller]
pub(crate) fn is_unreadable<T: Debug>(store: &impl Store, answer: Result<T, StoreError>) {
    let is_said = matches!(&answer, Err(StoreError::Unreadable { store: name, .. }) if *name == store.name());
    assert!(is_said, "{answer:?}");
}

/// Fails where the store does not say of every call, alone and among others, that the server has
/// done nothing.
pub(crate) async fn refuses(store: &impl Store, running: Hold) {
    did_nothing(store, claim(store, hold()).await);
    let claims = join_all((0..64).map(|_| claim(store, hold()))).await;
    claims.into_iter().for_each(|claim| did_nothing(store, claim));
    did_nothing(store, store.renew(running, HOUR).await);
    did_nothing(store, complete(store, running).await);
    let completions = join_all((0..64).map(|_| complete(store, running))).await;
    completions.into_iter().for_each(|completion| did_nothing(store, completion));
    did_nothing(store, store.release(running).await);
}

/// Fails where claims of a `damaged` entry hurt those of a `whole` one that are sent with them.
pub(crate) async fn hurts_no_other(store: &impl Store, damaged: Hold, whole: Hold) {
    is_unreadable(store, claim(store, retry(damaged)).await);
    let calls = (0..64).map(|number| claim(store, retry(if number % 2 == 0 { damaged } else { whole })));
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        match number % 2 {
            0 => is_unreadable(store, answer),
            _ => is_replay(&answer.unwrap(), whole),
        }
    }
}
