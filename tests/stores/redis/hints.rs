//! Hints: what this process has seen completed is asked for by a plain command. Whatever has become
//! of it is answered as ever.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    RedisStore, RequestFingerprint, Store,
    store::{
        Claim, Completion, Forget, ForgetRequest, Hold, Record, Resolve, ResolveRequest, Retention, Stage,
        Token,
    },
};
use idempotent_tests::{
    redis_cluster::RedisCluster,
    redis_server::RedisServer,
    requests::{HOUR, KEPT, WON, claim, complete, hold, is_in_flight, is_replay, retry},
};

use super::{
    key, node, pass,
    replicas::{TIMEOUT, pair},
};

type Calls = BTreeMap<String, u64>;

/// The commands that have come to these servers while `work` was done, but for the test's own. The
/// calls of scripts are among them.
async fn sent(servers: &[RedisServer], work: impl Future<Output = ()>) -> Calls {
    let before = calls(servers).await;
    work.await;
    let mut sent = calls(servers).await;
    sent.iter_mut().for_each(|(name, calls)| *calls -= before.get(name).copied().unwrap_or_default());
    sent.retain(|name, calls| *calls > 0 && !["info", "ping", "replconf"].contains(&name.as_str()));
    sent
}

async fn calls(servers: &[RedisServer]) -> Calls {
    let mut all = Calls::new();
    for server in servers {
        for (name, calls) in server.calls().await {
            if !name.starts_with("client|") && !name.starts_with("cluster|") {
                *all.entry(name).or_default() += calls;
            }
        }
    }
    all
}

fn only(name: &str, calls: u64) -> Calls {
    Calls::from([(name.to_owned(), calls)])
}

/// A request that this store has run.
async fn has_run(store: &RedisStore) -> Hold {
    let owner = hold();
    assert_eq!(claim(store, owner).await.unwrap(), WON);
    assert_eq!(complete(store, owner).await.unwrap(), Completion::Stored);
    owner
}

async fn replays(store: &RedisStore, owner: Hold) {
    is_replay(&claim(store, retry(owner)).await.unwrap(), owner);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_of_what_a_process_has_completed_or_replayed_before_is_one_plain_command() {
    let servers = [RedisServer::start(&[]).await];
    let (owning, other) = (node(&servers[0]).await, node(&servers[0]).await);
    for _ in 0..20 {
        let owner = has_run(&owning).await;
        assert_eq!(sent(&servers, replays(&owning, owner)).await, only("get", 1));
        assert_eq!(sent(&servers, replays(&other, owner)).await["evalsha"], 1);
        assert_eq!(sent(&servers, replays(&other, owner)).await, only("get", 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replays_at_once_share_plain_commands_and_are_answered_each() {
    let servers = [RedisServer::start(&[]).await];
    let store = node(&servers[0]).await;
    let owners = join_all((0..300).map(|_| has_run(&store))).await;
    let forgotten: Vec<_> = owners.iter().step_by(3).copied().collect();
    for owner in &forgotten {
        servers[0].ask::<u64>(&format!("DEL {}", key(*owner))).await;
    }
    let at_once = async {
        let claims = owners.iter().map(|owner| claim(&store, retry(*owner)));
        for (owner, claim) in owners.iter().zip(join_all(claims).await) {
            match claim.unwrap() {
                claim if forgotten.contains(owner) => assert_eq!(claim, WON),
                claim => is_replay(&claim, *owner),
            }
        }
    };
    let sent = sent(&servers, at_once).await;
    assert!(sent["mget"] < 300 / 4 && sent["evalsha"] < 100, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_on_a_cluster_is_one_plain_command_too() {
    let cluster = RedisCluster::start(3).await;
    let store = RedisStore::new(cluster.urls()).await.unwrap();
    // Every node has its share of the keys.
    for _ in 0..20 {
        let owner = has_run(&store).await;
        assert_eq!(sent(&cluster.nodes, replays(&store, owner)).await, only("get", 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_that_replicas_have_to_acknowledge_waits_for_them_each_time() {
    let (primary, _replica) = pair().await;
    let store = RedisStore::builder(primary.url()).wait_replicas(1, TIMEOUT).build().await.unwrap();
    let owner = has_run(&store).await;
    let servers = [primary];
    for _ in 0..3 {
        let replayed = sent(&servers, replays(&store, owner)).await;
        assert_eq!((replayed["evalsha"], replayed["wait"]), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_known_replay_is_never_said_to_last_longer_than_it_does() {
    let servers = [RedisServer::start(&[]).await];
    let (owning, other, late) = (node(&servers[0]).await, node(&servers[0]).await, node(&servers[0]).await);
    let owner = has_run(&owning).await;
    for store in [&owning, &other, &other] {
        let most: u64 = servers[0].ask(&format!("PTTL {}", key(owner))).await;
        let Claim::Replay { left, .. } = claim(store, retry(owner)).await.unwrap() else {
            panic!("it is replayed")
        };
        let most = Duration::from_millis(most);
        assert!(left <= most && left > most - HOUR / 10, "{left:?} of {most:?}");
    }
    // The same completion again, when half of the time has passed, as if its first answer had been
    // lost.
    pass(&servers[0], owner, HOUR / 2).await;
    assert_eq!(complete(&late, owner).await.unwrap(), Completion::Stored);
    let replay = claim(&late, retry(owner)).await.unwrap();
    assert!(matches!(replay, Claim::Replay { left, .. } if left <= HOUR / 2), "{replay:?}");
}

async fn forget(store: &RedisStore, owner: Hold) {
    let request = ForgetRequest { address: owner.address, token: owner.token, stage: Stage::Completed };
    assert_eq!(store.forget(request).await.unwrap(), Forget::Done);
}

/// Fate, on another node, of an entry that a process has seen completed, and the answer that a
/// claim then gets.
type Fate = (&'static str, fn(&Claim, Hold), AsyncFate);
type AsyncFate =
    for<'a> fn(&'a RedisServer, &'a RedisStore, Hold) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn is_won(claim: &Claim, _: Hold) {
    assert_eq!(*claim, WON);
}

/// Another record than the owner's, whose token is that.
fn another() -> Record {
    Record::from_bytes(&b"another"[..])
}

fn is_another(claim: &Claim, _: Hold) {
    assert!(matches!(claim, Claim::Replay { record, .. } if *record == another()), "{claim:?}");
}

fn of_another_request(owner: Hold) -> Hold {
    Hold { fingerprint: RequestFingerprint::from_bytes([8; 32]), ..retry(owner) }
}

async fn replaced(store: &RedisStore, owner: Hold, outcome: Option<Record>) {
    let request = ResolveRequest {
        address: owner.address,
        token: Token::random().unwrap(),
        outcome,
        instead_of: Some(Record::from_bytes(owner.token.as_bytes().to_vec())),
    };
    assert_eq!(store.resolve(request).await.unwrap(), Resolve::Done);
}

const FATES: &[Fate] = &[
    ("nothing", is_replay, |_, _, _| Box::pin(async {})),
    ("expired", is_won, |server, _, owner| {
        Box::pin(async move { server.ask::<()>(&format!("PEXPIRE {} 0", key(owner))).await })
    }),
    ("lost", is_won, |server, _, _| Box::pin(async { server.ask::<()>("FLUSHALL").await })),
    ("forgotten", is_won, |_, other, owner| Box::pin(forget(other, owner))),
    (
        "claimed anew",
        |claim, _| is_in_flight(claim),
        |_, other, owner| {
            Box::pin(async move {
                forget(other, owner).await;
                assert_eq!(claim(other, retry(owner)).await.unwrap(), WON);
            })
        },
    ),
    (
        "claimed anew, and abandoned",
        |claim, _| assert_eq!(*claim, Claim::Abandoned),
        |server, other, owner| {
            Box::pin(async move {
                forget(other, owner).await;
                assert_eq!(claim(other, retry(owner)).await.unwrap(), WON);
                pass(server, owner, HOUR).await;
            })
        },
    ),
    ("completed anew", is_another, |_, other, owner| {
        Box::pin(async move {
            forget(other, owner).await;
            let anew = retry(owner);
            assert_eq!(claim(other, anew).await.unwrap(), WON);
            assert_eq!(other.complete(anew, another(), KEPT).await.unwrap(), Completion::Stored);
        })
    }),
    (
        "completed anew by another request",
        |claim, _| assert_eq!(*claim, Claim::Reused),
        |_, other, owner| {
            Box::pin(async move {
                forget(other, owner).await;
                let anew = of_another_request(owner);
                assert_eq!(claim(other, anew).await.unwrap(), WON);
                assert_eq!(other.complete(anew, another(), KEPT).await.unwrap(), Completion::Stored);
            })
        },
    ),
    ("replaced by hand", is_another, |_, other, owner| Box::pin(replaced(other, owner, Some(another())))),
    ("freed by hand", is_won, |_, other, owner| Box::pin(replaced(other, owner, None))),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_has_become_of_a_completed_entry_is_answered_by_who_knew_it_as_by_who_did_not() {
    let servers = [RedisServer::start(&[]).await];
    for (what, is_right, becomes) in FATES {
        // The server knows the scripts.
        let (knowing, other) = (node(&servers[0]).await, node(&servers[0]).await);
        for completed_here in [true, false] {
            println!("{what}, completed here: {completed_here}");
            let owner = has_run(if completed_here { &knowing } else { &other }).await;
            if !completed_here {
                replays(&knowing, owner).await;
            }
            becomes(&servers[0], &other, owner).await;
            let asked = async { is_right(&claim(&knowing, retry(owner)).await.unwrap(), owner) };
            let sent = sent(&servers, asked).await;
            let scripts = sent.get("evalsha").copied().unwrap_or_default();
            assert_eq!(scripts, u64::from(*what != "nothing"), "a plain command, and a script at most");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hint_that_was_wrong_is_followed_once() {
    let servers = [RedisServer::start(&[]).await];
    let (knowing, other) = (node(&servers[0]).await, node(&servers[0]).await);
    let owner = has_run(&knowing).await;
    forget(&other, owner).await;
    assert_eq!(claim(&other, retry(owner)).await.unwrap(), WON);
    let duplicate = retry(owner);
    let asked = async || is_in_flight(&claim(&knowing, duplicate).await.unwrap());
    let first = sent(&servers, asked()).await;
    let second = sent(&servers, asked()).await;
    assert_eq!((first["evalsha"], second["evalsha"]), (1, 1));
    assert_eq!(first["get"], second["get"] + 1, "{first:?} and {second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_process_forgets_or_replaces_by_hand_it_claims_by_one_script() {
    let servers = [RedisServer::start(&[]).await];
    let store = node(&servers[0]).await;
    let (forgotten, freed) = (has_run(&store).await, has_run(&store).await);
    forget(&store, forgotten).await;
    replaced(&store, freed, None).await;
    for owner in [forgotten, freed] {
        let claimed = async { assert_eq!(claim(&store, owner).await.unwrap(), WON) };
        let sent = sent(&servers, claimed).await;
        assert_eq!((sent.get("get"), sent["evalsha"]), (None, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_request_with_a_known_key_is_refused_by_one_script() {
    let servers = [RedisServer::start(&[]).await];
    let (store, other) = (node(&servers[0]).await, node(&servers[0]).await);
    let owner = has_run(&store).await;
    let reused = async |store: &RedisStore| {
        assert_eq!(claim(store, of_another_request(owner)).await.unwrap(), Claim::Reused);
    };
    let by_whom_it_is_known = sent(&servers, reused(&store)).await;
    assert_eq!(by_whom_it_is_known["evalsha"], 1);
    assert_eq!(by_whom_it_is_known, sent(&servers, reused(&other)).await);
    replays(&store, owner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_remembered_after_its_replay_is_always_asked_for_by_a_script() {
    let servers = [RedisServer::start(&[]).await];
    let store = node(&servers[0]).await;
    let owner = hold();
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    let remembered = Retention { replay: HOUR, remember: HOUR };
    let record = Record::from_bytes(owner.token.as_bytes().to_vec());
    assert_eq!(store.complete(owner, record, remembered).await.unwrap(), Completion::Stored);
    for _ in 0..2 {
        assert_eq!(sent(&servers, replays(&store, owner)).await["evalsha"], 1);
    }
    pass(&servers[0], owner, HOUR).await;
    assert_eq!(claim(&store, retry(owner)).await.unwrap(), Claim::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_known_entry_that_is_damaged_is_an_error_each_time() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    let owner = has_run(&store).await;
    server.ask::<u64>(&format!("SETRANGE {} 60 damaged", key(owner))).await;
    for _ in 0..2 {
        claim(&store, retry(owner)).await.unwrap_err();
    }
}
