//! Calls that share a script: each is answered for itself.

use futures_util::future::join_all;
use idempotent_runtime::{
    RedisStore, Store, StoreError,
    store::{Claim, Completion, Hold, Renewal},
};
use idempotent_tests::{
    redis_server::RedisServer,
    requests::{HOUR, WON, claim, complete, hold, is_in_flight, is_replay, retry},
};

use super::{key, node, trouble::fill};

/// A store that asks what the server can do, and one that asks only what servers before Redis 7
/// can.
async fn of_both_generations(server: &RedisServer) -> [RedisStore; 2] {
    let old = RedisStore::builder(server.url()).before_redis_7().build().await.unwrap();
    [node(server).await, old]
}

fn holds(number: usize) -> Vec<Hold> {
    (0..number).map(|_| hold()).collect()
}

async fn claims(store: &RedisStore, holds: &[Hold]) -> Vec<Result<Claim, StoreError>> {
    join_all(holds.iter().map(|hold| claim(store, *hold))).await
}

async fn has_run(store: &RedisStore, number: usize) -> Vec<Hold> {
    let holds = holds(number);
    for claim in claims(store, &holds).await {
        assert_eq!(claim.unwrap(), WON);
    }
    for completion in join_all(holds.iter().map(|hold| complete(store, *hold))).await {
        assert_eq!(completion.unwrap(), Completion::Stored);
    }
    holds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_at_once_share_scripts() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        has_run(&store, 2).await;
        let before = server.calls().await["evalsha"];
        let owners = has_run(&store, 1_000).await;
        let replays = claims(&store, &owners.iter().copied().map(retry).collect::<Vec<_>>()).await;
        let scripts = server.calls().await["evalsha"] - before;
        assert!(scripts < 3_000 / 4, "{scripts} scripts for 3,000 calls");
        owners.iter().zip(replays).for_each(|(owner, replay)| is_replay(&replay.unwrap(), *owner));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_of_one_key_that_go_together_have_one_winner() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        for _ in 0..20 {
            let owner = hold();
            let rivals: Vec<Hold> = (0..40).map(|_| retry(owner)).collect();
            // Each is sent twice, as if the first reply had been lost: its token is answered the
            // same both times.
            let twice = [rivals.clone(), rivals.clone()].concat();
            let mut answers = claims(&store, &twice).await;
            let again = answers.split_off(rivals.len());
            let won: Vec<usize> =
                (0..rivals.len()).filter(|at| *answers[*at].as_ref().unwrap() == WON).collect();
            let [winner] = won[..] else { panic!("one wins, and not {won:?}") };
            for (at, answer) in answers.iter().chain(&again).enumerate() {
                match answer.as_ref().unwrap() {
                    answer if at % rivals.len() == winner => assert_eq!(*answer, WON),
                    answer => is_in_flight(answer),
                }
            }
            assert_eq!(complete(&store, rivals[winner]).await.unwrap(), Completion::Stored);
            is_replay(&claim(&store, retry(owner)).await.unwrap(), rivals[winner]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completions_of_one_claim_that_go_together_are_stored_once_and_fenced_else() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        let rivals: Vec<Hold> =
            (0..40).map(|place| if place % 2 == 0 { owner } else { retry(owner) }).collect();
        let answers = join_all(rivals.iter().map(|rival| complete(&store, *rival))).await;
        for (rival, answer) in rivals.iter().zip(answers) {
            match answer.unwrap() {
                Completion::Stored => assert_eq!(rival.token, owner.token),
                // Whoever comes before the owner finds no record yet.
                Completion::Fenced(_) => assert_ne!(rival.token, owner.token),
            }
        }
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completions_of_claims_that_others_hold_are_fenced_among_those_that_are_stored() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        let owners = holds(41);
        for claim in claims(&store, &owners).await {
            assert_eq!(claim.unwrap(), WON);
        }
        // The first is sent alone, and the others go together behind it.
        let is_other = |place: usize| place % 5 == 3;
        let ends =
            (0..).zip(&owners).map(|(place, owner)| if is_other(place) { retry(*owner) } else { *owner });
        let completions = join_all(ends.map(|end| complete(&store, end))).await;
        for (place, completion) in completions.into_iter().enumerate() {
            let expected = if is_other(place) { Completion::Fenced(None) } else { Completion::Stored };
            assert_eq!(completion.unwrap(), expected, "{place}");
        }
        for (place, owner) in owners.iter().enumerate() {
            match claim(&store, retry(*owner)).await.unwrap() {
                answer if is_other(place) => is_in_flight(&answer),
                answer => is_replay(&answer, *owner),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_holds_something_else_fails_its_own_calls_only() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        let mut owners = holds(40);
        let strange = [0, 20, 39];
        for place in strange {
            server.ask::<u64>(&format!("LPUSH {} something", key(owners[place]))).await;
        }
        for (place, answer) in claims(&store, &owners).await.into_iter().enumerate() {
            let expected = if strange.contains(&place) { None } else { Some(WON) };
            assert_eq!(answer.ok(), expected, "{place}");
        }
        let completions = join_all(owners.iter().map(|owner| complete(&store, *owner))).await;
        for (place, answer) in completions.into_iter().enumerate() {
            let expected = if strange.contains(&place) { None } else { Some(Completion::Stored) };
            assert_eq!(answer.ok(), expected, "{place}");
        }
        let strange = owners.remove(0);
        claim(&store, strange).await.unwrap_err();
        is_replay(&claim(&store, retry(owners[0])).await.unwrap(), owners[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_that_is_damaged_fails_its_own_calls_only() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        let owners = has_run(&store, 40).await;
        let damaged = [0, 20, 39];
        for place in damaged {
            server.ask::<u64>(&format!("SETRANGE {} 60 damaged", key(owners[place]))).await;
        }
        let asked: Vec<Hold> = owners.iter().flat_map(|owner| [retry(*owner), hold()]).collect();
        for (place, answer) in claims(&store, &asked).await.into_iter().enumerate() {
            match (place % 2, answer) {
                (0, Ok(replay)) if !damaged.contains(&(place / 2)) => is_replay(&replay, owners[place / 2]),
                (0, answer) => {
                    assert!(damaged.contains(&(place / 2)) && answer.is_err(), "{place}: {answer:?}")
                }
                (_, answer) => assert_eq!(answer.unwrap(), WON),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_memory_is_full_only_new_keys_are_refused() {
    let server = RedisServer::start(&[]).await;
    for store in of_both_generations(&server).await {
        server.ask::<()>("CONFIG SET maxmemory 0").await;
        let done = has_run(&store, 20).await;
        let won = fill(&server, &store).await;
        let (begun, new) = (&won[..20], holds(20));
        // One of each kind after the other, so that each script has all of them.
        let mixed = (0..20)
            .flat_map(|at| [retry(begun[at]), new[at], retry(done[at]), begun[at]])
            .collect::<Vec<_>>();
        let answers = claims(&store, &mixed).await;
        for (at, answers) in answers.chunks(4).enumerate() {
            is_in_flight(answers[0].as_ref().unwrap());
            assert!(matches!(answers[1], Err(StoreError::Full { .. })), "{:?}", answers[1]);
            is_replay(answers[2].as_ref().unwrap(), done[at]);
            assert_eq!(*answers[3].as_ref().unwrap(), WON, "the same claim again");
        }
        for completion in join_all(begun.iter().map(|owner| complete(&store, *owner))).await {
            assert_eq!(completion.unwrap(), Completion::Stored);
        }
        assert_eq!(store.renew(won[20], HOUR).await.unwrap(), Renewal::Renewed);
        // Nobody has asked for these: they complete as most do, but that there is no room.
        let usual = &won[21..41];
        for completion in join_all(usual.iter().map(|owner| complete(&store, *owner))).await {
            assert_eq!(completion.unwrap(), Completion::Stored);
        }
        for owner in usual {
            is_replay(&claim(&store, retry(*owner)).await.unwrap(), *owner);
        }
        server.ask::<()>("CONFIG SET maxmemory 0").await;
    }
}
