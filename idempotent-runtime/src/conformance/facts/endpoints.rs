//! An entry knows its endpoint. For stores that can be looked into.

use std::time::Duration;

use actix_web::http::Method;

use super::fact::Fact;
use crate::{
    conformance::harness::{Harness, LONG, Verdict, WON, hold, is, record, retry},
    request::Endpoint,
    store::{
        Claim, Completion, Forget, Hold, OnAbandoned, Renewal, Resolve,
        Stage::{Claimed, Completed},
        Store,
    },
};

/// Facts about endpoints.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        an_entry_tells_its_endpoint_in_every_state,
        an_entry_tells_an_endpoint_of_any_characters_and_of_none,
        an_entry_tells_the_endpoint_that_has_taken_it_over,
        a_new_entry_tells_nothing_of_the_endpoint_before_it,
        what_is_stuck_is_listed_for_one_endpoint,
    ]
}

/// Facts about endpoints that need a store which ends entries by hand.
pub(super) fn resolving<S: Store>() -> Vec<Fact<S>> {
    facts![an_entry_that_is_ended_by_hand_tells_its_endpoint]
}

fn orders() -> Endpoint {
    Endpoint::of("", &Method::POST, Some("/conformance/orders/{id}"))
}

fn payments() -> Endpoint {
    Endpoint::of("conformance", &Method::POST, Some("/conformance/payments"))
}

/// Claims at an endpoint, with a lease of one unit, and takes over what was abandoned.
async fn claim<S: Store>(harness: &Harness<S>, at: Endpoint, hold: Hold) -> Result<Claim, String> {
    harness.ask_at(at, hold, harness.unit(), OnAbandoned::Rerun, LONG).await
}

/// Holds if the entry of `owner` tells this endpoint.
async fn tells<S: Store>(harness: &Harness<S>, owner: Hold, endpoint: &str, what: &str) -> Verdict {
    let found = harness.inspect(owner).await?.map(|found| found.label.into_owned());
    is(found.as_deref(), Some(endpoint), &format!("the endpoint of what {what}"))
}

pub(super) async fn an_entry_tells_its_endpoint_in_every_state<S: Store>(harness: Harness<S>) -> Verdict {
    let (owner, name) = (hold()?, orders().label());
    is(claim(&harness, orders(), owner).await?, WON, "the claim")?;
    tells(&harness, owner, name, "runs").await?;
    is(harness.renew(owner, harness.unit()).await?, Renewal::Renewed, "its renewal")?;
    tells(&harness, owner, name, "was renewed").await?;
    let kept = harness.complete_for(owner, &record(b"a"), harness.unit(), LONG).await?;
    is(kept, Completion::Stored, "its completion")?;
    tells(&harness.another().await, owner, name, "is completed").await?;
    harness.pass(1.5).await;
    tells(&harness, owner, name, "has expired").await?;
    is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry")?;
    tells(&harness, owner, name, "was seen to have expired").await?;

    let abandoned = hold()?;
    is(claim(&harness, orders(), abandoned).await?, WON, "the claim of what dies")?;
    harness.pass(1.5).await;
    tells(&harness, abandoned, name, "has lapsed").await?;
    is(harness.claim(retry(abandoned)?).await?, Claim::Abandoned, "a claim after the lease")?;
    tells(&harness, abandoned, name, "was abandoned").await
}

pub(super) async fn an_entry_tells_an_endpoint_of_any_characters_and_of_none<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let longest = "x".repeat(255);
    for name in ["settle", "'; \\ \" 0 --", "決済 é", &longest, ""] {
        let endpoint = match name {
            "" => Endpoint::default(),
            name => Endpoint::of_operation("", name.as_bytes()),
        };
        for bytes in [&b""[..], &[7; 100_000]] {
            let owner = hold()?;
            is(claim(&harness, endpoint, owner).await?, WON, "the claim")?;
            tells(&harness, owner, endpoint.label(), "runs").await?;
            is(harness.complete(owner, &record(bytes)).await?, Completion::Stored, "its completion")?;
            tells(&harness, owner, endpoint.label(), "is completed").await?;
        }
    }
    Ok(())
}

pub(super) async fn an_entry_tells_the_endpoint_that_has_taken_it_over<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let first = hold()?;
    is(claim(&harness, orders(), first).await?, WON, "the claim")?;
    harness.pass(1.5).await;
    let second = retry(first)?;
    is(claim(&harness, payments(), second).await?, Claim::Won { attempt: 2 }, "the takeover")?;
    tells(&harness, second, payments().label(), "was taken over").await?;
    harness.pass(1.5).await;
    let third = retry(first)?;
    let taken_over = claim(&harness, Endpoint::default(), third).await?;
    is(taken_over, Claim::Won { attempt: 3 }, "the takeover by a claim without a label")?;
    tells(&harness, third, payments().label(), "was taken over without a label").await?;
    is(harness.complete(third, &record(b"a")).await?, Completion::Stored, "its completion")?;
    tells(&harness, third, payments().label(), "is completed").await
}

pub(super) async fn a_new_entry_tells_nothing_of_the_endpoint_before_it<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    for ended in ["released", "forgotten", "past its time"] {
        let owner = hold()?;
        is(claim(&harness, orders(), owner).await?, WON, "the claim")?;
        match ended {
            "released" => harness.release(owner).await?,
            "forgotten" => {
                harness.pass(1.5).await;
                is(harness.forget(owner, Claimed).await?, Forget::Done, "forgetting it")?;
            }
            _ => {
                harness.complete_for(owner, &record(b"a"), harness.unit(), Duration::ZERO).await?;
                harness.pass(1.5).await;
            }
        }
        let next = retry(owner)?;
        is(claim(&harness, payments(), next).await?, WON, "the next claim")?;
        tells(&harness, next, payments().label(), &format!("comes after one that was {ended}")).await?;
    }
    Ok(())
}

pub(super) async fn what_is_stuck_is_listed_for_one_endpoint<S: Store>(harness: Harness<S>) -> Verdict {
    const UNKNOWN: &[u8] = b"unknown";
    // Endpoints that no other run of the suite has.
    let own = hold()?.address.to_string();
    let [ours, others] = ["ours", "others"].map(|name| format!("{name} {own}"));
    let [at_ours, at_others] = [&ours, &others].map(|name| Endpoint::of_operation("", name.as_bytes()));
    let mut wanted = Vec::new();
    for number in 0..8 {
        let (owner, other) = (hold()?, hold()?);
        is(claim(&harness, at_ours, owner).await?, WON, "a claim")?;
        is(claim(&harness, at_others, other).await?, WON, "a claim elsewhere")?;
        if number % 2 == 0 {
            harness.complete(owner, &record(UNKNOWN)).await?;
        }
        wanted.push(owner.address);
    }
    harness.pass(1.5).await;
    let mut listed: Vec<_> = harness.stuck_at(Some(&ours), &record(UNKNOWN), 3).await?;
    if let Some(other) = listed.iter().find(|entry| entry.label != at_ours.label()) {
        return Err(format!("{other:?} was listed for another endpoint"));
    }
    let of_no_endpoint = harness.stuck_at(Some("nobody's"), &record(UNKNOWN), 3).await?;
    is(of_no_endpoint, Vec::new(), "the list of an endpoint that nobody has")?;
    wanted.sort();
    listed.sort_by_key(|entry| entry.address);
    listed.dedup_by_key(|entry| entry.address);
    is(listed.into_iter().map(|entry| entry.address).collect(), wanted, "the list of one endpoint")
}

pub(super) async fn an_entry_that_is_ended_by_hand_tells_its_endpoint<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = hold()?;
    is(claim(&harness, orders(), owner).await?, WON, "the claim")?;
    harness.pass(1.5).await;
    is(harness.resolve(owner, None, Some(record(b"a"))).await?, Resolve::Done, "the resolution")?;
    tells(&harness, owner, orders().label(), "was resolved").await?;
    let replaced = harness.resolve(owner, Some(record(b"a")), Some(record(b"b"))).await?;
    is(replaced, Resolve::Done, "the replacement")?;
    tells(&harness, owner, orders().label(), "was replaced").await?;
    let found = harness.inspect(owner).await?.ok_or("nothing is there")?;
    let by_hand = Hold { token: found.token, ..owner };
    is(harness.forget(by_hand, Completed).await?, Forget::Done, "forgetting it")
}
