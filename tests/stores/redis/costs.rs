//! Cost of a request, counted at the server.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    RedisStore, Store,
    store::{Forget, ForgetRequest, Hold, Record, Stage, StuckRequest},
};
use idempotent_tests::{
    redis_server::RedisServer,
    requests::{HOUR, WON, claim, complete, hold, is_in_flight, is_replay, retry},
};
use tokio::time::sleep;

use super::{node, until_heard};

/// Number of commands that stores have sent while `work` was done. The server also counts the calls
/// of scripts, and those are left out.
async fn sent(server: &RedisServer, work: impl Future<Output = ()>) -> BTreeMap<String, u64> {
    let before = server.calls().await;
    work.await;
    let mut sent = server.calls().await;
    sent.iter_mut().for_each(|(name, calls)| *calls -= before.get(name).copied().unwrap_or_default());
    // Commands of the test's own, those that are sent once after subscribing, and those that only
    // scripts call. Looks are counted for themselves.
    let others = [
        "info",
        "ping",
        "client|setinfo",
        "client|setname",
        "pttl",
        "get",
        "set",
        "del",
        "publish",
        "getrange",
    ];
    sent.retain(|name, calls| *calls > 0 && !others.contains(&name.as_str()));
    sent
}

/// All looks at the server so far are those that come now and then to be sure, and those come
/// whatever else is done. Each store has tried the command once, when it was built.
async fn has_looked_for_nothing_else(server: &RedisServer, stores: &[&RedisStore]) {
    let polls: u64 = stores.iter().map(|store| store.polls() + 1).sum();
    assert_eq!(server.calls().await.get("getrange").copied().unwrap_or_default(), polls);
}

fn scripts(calls: u64) -> BTreeMap<String, u64> {
    BTreeMap::from_iter((calls > 0).then(|| ("evalsha".to_owned(), calls)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_verb_costs_one_round_trip() {
    let server = RedisServer::start(&[]).await;
    let (store, other_node) = (node(&server).await, node(&server).await);
    until_heard(&server, 2).await;
    // The server learns the scripts.
    let owner = hold();
    claim(&store, owner).await.unwrap();
    store.renew(owner, HOUR).await.unwrap();
    complete(&store, owner).await.unwrap();
    store.release(owner).await.unwrap();
    for _ in 0..20 {
        let owner = hold();
        let execution = async {
            assert_eq!(claim(&store, owner).await.unwrap(), WON);
            complete(&store, owner).await.unwrap();
        };
        assert_eq!(sent(&server, execution).await, scripts(2), "a first execution");
        let replay = async { is_replay(&claim(&store, retry(owner)).await.unwrap(), owner) };
        // Plain commands are not told from those of scripts: see `hints`.
        assert_eq!(sent(&server, replay).await, scripts(0), "a replay of what was completed here");
        let replay = async { is_replay(&claim(&other_node, retry(owner)).await.unwrap(), owner) };
        assert_eq!(sent(&server, replay).await, scripts(1), "a replay of what was completed elsewhere");
        let other = hold();
        let released = async {
            claim(&store, other).await.unwrap();
            is_in_flight(&claim(&store, retry(other)).await.unwrap());
            store.renew(other, HOUR).await.unwrap();
            store.release(other).await.unwrap();
        };
        assert_eq!(
            sent(&server, released).await,
            scripts(4),
            "a claim, a duplicate, a renewal and a release"
        );
    }
    has_looked_for_nothing_else(&server, &[&store, &other_node]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_duplicate_that_waits_costs_its_claim_and_one_when_it_is_woken() {
    let server = RedisServer::start(&[]).await;
    let (owning, waiting) = (node(&server).await, node(&server).await);
    until_heard(&server, 2).await;
    let owner = hold();
    claim(&owning, owner).await.unwrap();
    complete(&owning, owner).await.unwrap();
    for _ in 0..10 {
        let owner = hold();
        claim(&owning, owner).await.unwrap();
        let waited = async {
            let duplicate = retry(owner);
            is_in_flight(&claim(&waiting, duplicate).await.unwrap());
            let completed = async {
                sleep(Duration::from_millis(50)).await;
                complete(&owning, owner).await.unwrap();
            };
            tokio::join!(waiting.changed(duplicate.address), completed);
            is_replay(&claim(&waiting, duplicate).await.unwrap(), owner);
        };
        assert_eq!(sent(&server, waited).await, scripts(3), "two claims of the duplicate, one completion");
    }
    has_looked_for_nothing_else(&server, &[&owning, &waiting]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completions_notify_only_where_somebody_waits() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    for _ in 0..100 {
        let owner = hold();
        claim(&store, owner).await.unwrap();
        complete(&store, owner).await.unwrap();
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
    assert_eq!(server.calls().await.get("publish"), None);
}

async fn forget(store: &RedisStore, owner: Hold) {
    let request = ForgetRequest { address: owner.address, token: owner.token, stage: Stage::Completed };
    assert_eq!(store.forget(request).await.unwrap(), Forget::Done);
}

async fn has_run(store: &RedisStore) -> Hold {
    let owner = hold();
    claim(store, owner).await.unwrap();
    complete(store, owner).await.unwrap();
    owner
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn looking_through_all_keys_asks_for_a_few_at_a_time() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    until_heard(&server, 1).await;
    // The server learns the scripts.
    forget(&store, has_run(&store).await).await;
    store.inspect(hold().address).await.unwrap();
    join_all((0..4_000).map(|_| has_run(&store))).await;
    let request = StuckRequest {
        after: None,
        limit: 100,
        unknown: Record::from_bytes(&b"unknown"[..]),
        endpoint: None,
    };
    let page = sent(&server, async {
        let page = store.stuck(request).await.unwrap();
        assert!(page.entries.is_empty() && page.next.is_some(), "{page:?}");
    })
    .await;
    assert_eq!(page.keys().collect::<Vec<_>>(), ["evalsha", "scan"]);
    assert!(page["scan"] == 16 && page["evalsha"] < 2_400, "{page:?}");
    let owner = has_run(&store).await;
    let forgotten = sent(&server, forget(&store, owner)).await;
    assert_eq!(forgotten.keys().collect::<Vec<_>>(), ["evalsha", "scan"]);
    assert!((2..=8).contains(&forgotten["scan"]), "{forgotten:?}");
    assert_eq!(
        forgotten["evalsha"],
        forgotten["scan"] + 2,
        "taken over, held on after each look, and released"
    );
}
