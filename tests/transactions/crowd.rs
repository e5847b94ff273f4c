//! Many requests at once, and few connections.

use std::collections::HashMap;

use futures_util::future::join_all;

use crate::fixture::{Fixture, Setup};

const CLIENTS: usize = 500;
const KEYS: usize = 20;

on_all! {
    of_concurrent_duplicates_one_runs_a_key_and_all_are_answered,
    whoever_waits_holds_no_connection,
}

async fn of_concurrent_duplicates_one_runs_a_key_and_all_are_answered(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    let keys: Vec<_> = (0..CLIENTS).map(|client| format!("k{}", client % KEYS)).collect();
    let replies = join_all(keys.iter().map(|key| it.ask(key, "insert 201"))).await;
    let mut texts = HashMap::<_, Vec<_>>::new();
    for (key, reply) in keys.iter().zip(&replies) {
        assert_eq!(reply.status, 201, "{reply:?}");
        texts.entry(key).or_default().push((reply.text(), reply.is_replay()));
    }
    for (key, texts) in texts {
        assert!(texts.iter().all(|(text, _)| *text == texts[0].0), "{key}: {texts:?}");
        assert_eq!(texts.iter().filter(|(_, replay)| !replay).count(), 1, "{key}");
    }
    assert_eq!((it.handler.runs(), fixture.count().await), (KEYS, KEYS as i64));
}

async fn whoever_waits_holds_no_connection(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    let requests = join_all((0..CLIENTS).map(|_| it.ask("k", "insert wait 201")));
    let (replies, ()) = tokio::join!(requests, async {
        it.handler.began().await;
        it.handler.let_one_through();
    });
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    assert_eq!(it.connections().1, 1, "a second connection was never needed");
    assert_eq!((it.handler.runs(), fixture.count().await), (1, 1));
}
