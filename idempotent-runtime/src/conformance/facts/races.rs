//! Simultaneous claims: sixteen racers on four handles leave one barrier together, key by key.

use std::sync::Arc;

use tokio::{
    sync::Barrier,
    task::{JoinSet, yield_now},
};

use super::fact::Fact;
use crate::{
    conformance::harness::{
        FENCED, Harness, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    store::{Claim, Completion, Forget, Hold, Record, Resolve, Stage, Store},
};

/// Facts about simultaneous claims.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        one_of_many_claims_wins_a_vacant_address,
        one_of_many_requests_owns_a_vacant_address,
        one_of_many_claims_takes_over_an_expired_lease,
        one_completion_is_replayed_to_all,
        a_late_completion_wins_or_loses_for_all,
        one_of_many_claims_wins_a_released_address,
    ]
}

/// Facts about simultaneous requests to forget.
pub(super) fn forgetting<S: Store>() -> Vec<Fact<S>> {
    facts![
        one_of_many_forgettings_frees_a_key_for_one_of_many_claims,
        one_of_many_forgettings_takes_what_is_completed,
        a_late_completion_or_a_forgetting_comes_first,
    ]
}

/// Facts about simultaneous resolutions.
pub(super) fn resolving<S: Store>() -> Vec<Fact<S>> {
    facts![one_of_many_resolutions_ends_an_expired_claim, a_late_completion_or_a_resolution_wins_for_all,]
}

const RACERS: usize = 16;
const HANDLES: usize = 4;

async fn handles<S: Store>(harness: &Harness<S>) -> Vec<Harness<S>> {
    let mut handles = Vec::new();
    for _ in 0..HANDLES {
        handles.push(harness.another().await);
    }
    handles
}

/// Starts one racer per hold. Gives their results in the order of the holds.
async fn race<S, T, F>(
    harness: &Harness<S>,
    handles: &[Harness<S>],
    holds: Vec<Hold>,
    racer: impl Fn(Harness<S>, Hold) -> F,
) -> Result<Vec<T>, String>
where
    S: Store,
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(holds.len()));
    let mut racers = JoinSet::new();
    for (place, (hold, harness)) in holds.into_iter().zip(handles.iter().cycle()).enumerate() {
        let (racing, barrier) = (racer(harness.clone(), hold), Arc::clone(&barrier));
        racers.spawn(async move {
            barrier.wait().await;
            (place, racing.await)
        });
    }
    let mut results = Vec::new();
    while let Some(racer) = harness.prompt(racers.join_next(), "a racer").await? {
        results.push(racer.map_err(|panicked| panicked.to_string())?);
    }
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

fn retries(request: Hold) -> Result<Vec<Hold>, String> {
    (0..RACERS).map(|_| retry(request)).collect()
}

/// Holds if one claim was answered `wanted`, and the others are in flight.
fn one_won(claims: Vec<Claim>, wanted: &Claim) -> Verdict {
    is(claims.iter().filter(|claim| *claim == wanted).count(), 1, &format!("the number of {wanted:?}"))?;
    claims
        .into_iter()
        .filter(|claim| claim != wanted)
        .try_for_each(|claim| is_in_flight(claim, LONG, "a claim that lost"))
}

pub(super) async fn one_of_many_claims_wins_a_vacant_address<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for _ in 0..harness.keys() {
        let claim = |harness: Harness<S>, hold| async move { harness.claim(hold).await };
        one_won(race(&harness, &handles, retries(hold()?)?, claim).await?, &WON)?;
    }
    Ok(())
}

pub(super) async fn one_of_many_requests_owns_a_vacant_address<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for _ in 0..harness.keys() {
        let first = hold()?;
        let holds = (0..RACERS).map(|_| reuse(first)).collect::<Result<_, _>>()?;
        let claim = |harness: Harness<S>, hold| async move { harness.claim(hold).await };
        let claims = race(&harness, &handles, holds, claim).await?;
        is(claims.iter().filter(|claim| **claim == WON).count(), 1, "the number of winners")?;
        let reused = claims.iter().filter(|claim| **claim == Claim::Reused).count();
        is(reused, RACERS - 1, "the number of requests turned away")?;
    }
    Ok(())
}

/// Holds whose leases have all run out unseen, one per key.
async fn lapsed_keys<S: Store>(harness: &Harness<S>) -> Result<Vec<Hold>, String> {
    let mut holds = Vec::new();
    for _ in 0..harness.keys() {
        holds.push(hold()?);
        is(harness.claim_briefly(holds[holds.len() - 1]).await?, WON, "the first claim")?;
    }
    harness.pass(1.5).await;
    Ok(holds)
}

pub(super) async fn one_of_many_claims_takes_over_an_expired_lease<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for owner in lapsed_keys(&harness).await? {
        let claim = |harness: Harness<S>, hold| async move { harness.rerun(hold).await };
        one_won(race(&harness, &handles, retries(owner)?, claim).await?, &Claim::Won { attempt: 2 })?;
        is(harness.complete(owner, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    }
    Ok(())
}

/// Claims until there is a record, and completes with its token as the record if it wins.
async fn run<S: Store>(harness: Harness<S>, hold: Hold) -> Result<(bool, Record), String> {
    let mut effect = false;
    loop {
        match harness.claim(hold).await? {
            Claim::Won { .. } => {
                effect = true;
                yield_now().await;
                harness.complete(hold, &record(hold.token.as_bytes())).await?;
            }
            Claim::Replay { record, .. } => return Ok((effect, record)),
            Claim::InFlight { .. } => harness.prompt(harness.changed(hold.address), "waiting").await?,
            other => return Err(format!("a racer was told {other:?}")),
        }
    }
}

pub(super) async fn one_completion_is_replayed_to_all<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for _ in 0..harness.keys() {
        let holds = retries(hold()?)?;
        let runs = race(&harness, &handles, holds.clone(), run).await?;
        let winners: Vec<_> = (0..RACERS).filter(|&racer| runs[racer].0).collect();
        is(winners.len(), 1, "the number of executions")?;
        let stored = record(holds[winners[0]].token.as_bytes());
        runs.into_iter().try_for_each(|(_, replayed)| is(replayed, stored.clone(), "a replay"))?;
    }
    Ok(())
}

/// Result of the owner's late completion, or of a rival's call.
enum Came<T> {
    Late(Completion),
    Rival(T),
}

/// Lets the owner of a lapsed claim complete while others do what `rival` does, each with a hold of
/// its own. Gives the rivals' holds too.
async fn against_the_owner<S: Store, T: Send + 'static, F>(
    harness: &Harness<S>,
    handles: &[Harness<S>],
    owner: Hold,
    rival: impl Fn(Harness<S>, Hold) -> F + Copy + Send + Sync + 'static,
) -> Result<(Vec<Hold>, Vec<Came<T>>), String>
where
    F: Future<Output = Result<T, String>> + Send,
{
    let mut holds = retries(owner)?;
    holds[RACERS / 2] = owner;
    let racer = move |harness: Harness<S>, hold: Hold| async move {
        if hold.token == owner.token {
            return harness.complete(hold, &record(b"late")).await.map(Came::Late);
        }
        rival(harness, hold).await.map(Came::Rival)
    };
    let came = race(harness, handles, holds.clone(), racer).await?;
    Ok((holds, came))
}

pub(super) async fn a_late_completion_wins_or_loses_for_all<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for owner in lapsed_keys(&harness).await? {
        let claim = |harness: Harness<S>, hold: Hold| async move { harness.claim(hold).await };
        let (_, came) = against_the_owner(&harness, &handles, owner, claim).await?;
        let stored = came.iter().any(|came| matches!(came, Came::Late(Completion::Stored)));
        let is_outcome = |claim, what| match stored {
            true => is_replay(claim, record(b"late"), what),
            false => is(claim, Claim::Abandoned, what),
        };
        for came in came {
            match came {
                Came::Late(Completion::Stored) => {}
                Came::Late(completion) => is(completion, FENCED, "the late completion")?,
                Came::Rival(claim) => is_outcome(claim, "a claim beside the late completion")?,
            }
        }
        is_outcome(harness.claim(retry(owner)?).await?, "a claim after the race")?;
    }
    Ok(())
}

pub(super) async fn one_of_many_claims_wins_a_released_address<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for _ in 0..harness.keys() {
        let owner = harness.won().await?;
        let mut holds = retries(owner)?;
        holds[RACERS / 2] = owner;
        let racer = |harness: Harness<S>, hold: Hold| async move {
            if hold.token == owner.token {
                return harness.release(hold).await.map(|()| None);
            }
            harness.claim(hold).await.map(Some)
        };
        let claims: Vec<_> = race(&harness, &handles, holds, racer).await?.into_iter().flatten().collect();
        let winners = claims.iter().filter(|claim| **claim == WON).count();
        if winners > 1 {
            return Err(format!("{winners} claims won after one release"));
        }
        let lost = claims.into_iter().filter(|claim| *claim != WON);
        lost.into_iter().try_for_each(|claim| is_in_flight(claim, LONG, "a claim that lost"))?;
        match winners {
            0 => is(harness.claim(retry(owner)?).await?, WON, "a claim after the race")?,
            _ => is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after the race")?,
        }
    }
    Ok(())
}

/// Ends the entry by hand, with the token as the record.
async fn resolve<S: Store>(harness: Harness<S>, hold: Hold) -> Result<Resolve, String> {
    harness.resolve_by(hold.token, hold, None, Some(record(hold.token.as_bytes()))).await
}

/// The record of the one resolution that was done. Where there is a record `lost`, that came first,
/// and no resolution may have been done. All others must have been told of the record that stands.
fn one_resolved(
    holds: &[Hold],
    answers: Vec<(usize, Resolve)>,
    lost: Option<&Record>,
) -> Result<Option<Record>, String> {
    let done: Vec<_> =
        answers.iter().filter(|(_, answer)| *answer == Resolve::Done).map(|(at, _)| *at).collect();
    is(done.len(), usize::from(lost.is_none()), "the number of resolutions that were done")?;
    let winner = done.first().map(|&at| record(holds[at].token.as_bytes()));
    let others = answers.into_iter().filter(|(_, answer)| *answer != Resolve::Done);
    for (_, answer) in others {
        let told = winner.as_ref().or(lost).cloned().map(Resolve::Completed);
        is(Some(answer), told, "a resolution that came too late")?;
    }
    Ok(winner)
}

pub(super) async fn one_of_many_resolutions_ends_an_expired_claim<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for owner in lapsed_keys(&harness).await? {
        let holds = retries(owner)?;
        let answers = race(&harness, &handles, holds.clone(), resolve).await?;
        let winner = one_resolved(&holds, answers.into_iter().enumerate().collect(), None)?;
        let replay = harness.claim(retry(owner)?).await?;
        is_replay(replay, winner.unwrap_or(record(b"")), "a retry after the race")?;
    }
    Ok(())
}

pub(super) async fn a_late_completion_or_a_resolution_wins_for_all<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    for owner in lapsed_keys(&harness).await? {
        let (mut late, mut answers) = (None, Vec::new());
        let (holds, came) = against_the_owner(&harness, &handles, owner, resolve).await?;
        for (at, came) in came.into_iter().enumerate() {
            match came {
                Came::Late(completion) => late = Some(completion),
                Came::Rival(answer) => answers.push((at, answer)),
            }
        }
        let stored = (late == Some(Completion::Stored)).then(|| record(b"late"));
        let winner = one_resolved(&holds, answers, stored.as_ref())?;
        if winner.is_some() {
            is(late, Some(Completion::Fenced(winner.clone())), "the late completion")?;
        }
        let outcome = winner.or(stored).unwrap_or(record(b""));
        is_replay(harness.claim(retry(owner)?).await?, outcome, "a retry after the race")?;
    }
    Ok(())
}

/// Answer to a racer that forgets or claims.
enum Heard {
    Forgotten(Forget),
    Claimed(Claim),
}

pub(super) async fn one_of_many_forgettings_frees_a_key_for_one_of_many_claims<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let handles = handles(&harness).await;
    for owner in lapsed_keys(&harness).await? {
        // The first half forgets the owner's entry, the others claim.
        let mut holds = vec![owner; RACERS / 2];
        holds.extend(retries(owner)?.into_iter().take(RACERS / 2));
        let racer = move |harness: Harness<S>, hold: Hold| async move {
            if hold == owner {
                harness.forget(hold, Stage::Claimed).await.map(Heard::Forgotten)
            } else {
                harness.claim(hold).await.map(Heard::Claimed)
            }
        };
        let heard = race(&harness, &handles, holds, racer).await?;
        let done = heard.iter().filter(|heard| matches!(heard, Heard::Forgotten(Forget::Done))).count();
        is(done, 1, "the number of forgettings that were done")?;
        let mut won = 0;
        for heard in heard {
            match heard {
                Heard::Forgotten(
                    Forget::Done | Forget::Vacant | Forget::Another | Forget::Running { .. },
                ) => {}
                Heard::Claimed(Claim::Won { attempt: 1 }) => won += 1,
                Heard::Claimed(Claim::Abandoned | Claim::InFlight { .. }) => {}
                Heard::Claimed(other) => return Err(format!("a claim was {other:?}")),
            }
        }
        match (won, harness.claim(retry(owner)?).await?) {
            (0, WON) => {}
            (1, claim) => is_in_flight(claim, LONG, "a claim after it")?,
            (won, claim) => return Err(format!("{won} claims won, and a claim after it was {claim:?}")),
        }
        is(harness.complete(owner, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    }
    Ok(())
}

pub(super) async fn one_of_many_forgettings_takes_what_is_completed<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let handles = handles(&harness).await;
    for _ in 0..harness.keys() {
        let owner = harness.completed(&record(b"a")).await?;
        let forget = |harness: Harness<S>, hold| async move { harness.forget(hold, Stage::Completed).await };
        let heard = race(&harness, &handles, vec![owner; RACERS], forget).await?;
        let done = heard.iter().filter(|heard| **heard == Forget::Done).count();
        is(done, 1, "the number of forgettings that were done")?;
        is(handles[0].claim(reuse(owner)?).await?, WON, "another request after it")?;
    }
    Ok(())
}

pub(super) async fn a_late_completion_or_a_forgetting_comes_first<S: Store>(harness: Harness<S>) -> Verdict {
    let handles = handles(&harness).await;
    let record = record(b"late");
    for owner in lapsed_keys(&harness).await? {
        let late = handles[0].complete(owner, &record);
        let (completed, forgotten) = tokio::join!(late, handles[1].forget(owner, Stage::Claimed));
        match (completed?, forgotten?) {
            (Completion::Stored, Forget::Another) => {
                is_replay(harness.claim(retry(owner)?).await?, record.clone(), "a retry of what completed")?;
            }
            (FENCED, Forget::Done) => {
                is(harness.inspect(owner).await?, None, "a look after it")?;
                is(harness.claim(reuse(owner)?).await?, WON, "another request after it")?;
            }
            other => return Err(format!("the completion and the forgetting were {other:?}")),
        }
    }
    Ok(())
}
