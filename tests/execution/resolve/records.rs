//! Records that say nothing, and what processes hold of them.

use idempotent_runtime::{Resolution, Resolved};
use idempotent_tests::scripted::{Fault, Verb};

use super::{
    fixture::{Fixture, OnMemory},
    process::{Died, Process, dies_running, has_run, is_paid, is_unknown, order, paid},
};
use crate::gate::Gate;

on_every_store!(a_record_that_cannot_be_read_is_ended_each_way);

/// A request has run, and what is recorded cannot be read.
async fn is_damaged(fixture: &impl Fixture, request: &[u8]) {
    let process = Process::open(fixture).await;
    process.store.next(Verb::Complete, 1, Fault::Damages(|record| record[7] ^= 1));
    process.ask(request).await;
    is_unknown(&Process::open(fixture).await.ask(request).await);
}

async fn a_record_that_cannot_be_read_is_ended_each_way(fixture: &impl Fixture) {
    let process = Process::open(fixture).await;
    let (request, entry) = order("run-again");
    is_damaged(fixture, &request).await;
    assert_eq!(process.resolve(&entry, Resolution::Rerun).await, Resolved::Done);
    has_run(&process.ask(&request).await, false);
    let (request, entry) = order("completed");
    is_damaged(fixture, &request).await;
    assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Done);
    is_unknown(&process.ask(&request).await);
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
    is_paid(&process.ask(&request).await);
}

#[tokio::test]
async fn no_local_cache_holds_an_outcome_that_is_not_known() {
    let fixture = OnMemory::new().await;
    let cached = async || Process::with(&fixture, Gate::open(), |builder| builder.local_cache(1 << 20)).await;
    let (process, another) = (cached().await, cached().await);
    let (request, entry) = order("k");
    dies_running(&fixture, &request, Died::Unseen).await;
    assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Done);
    for process in [&process, &another] {
        is_unknown(&process.ask(&request).await);
    }
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
    for process in [&process, &another] {
        is_paid(&process.ask(&request).await);
    }
    let claims = another.store.calls(Verb::Claim);
    is_paid(&another.ask(&request).await);
    assert_eq!(another.store.calls(Verb::Claim), claims, "what is known is held");
}

#[tokio::test]
async fn operators_who_find_a_record_that_says_nothing_replace_no_other() {
    let fixture = OnMemory::new().await;
    let (process, another) = (Process::open(&fixture).await, Process::open(&fixture).await);
    for round in 0..32 {
        let (request, entry) = order(&format!("{round}"));
        dies_running(&fixture, &request, Died::Unseen).await;
        assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Done);
        let told = tokio::join!(process.resolve(&entry, paid()), another.resolve(&entry, Resolution::Rerun));
        match told {
            (Resolved::Done, Resolved::Settled) => is_paid(&another.ask(&request).await),
            (Resolved::NotFound, Resolved::Done) => assert_eq!(another.ask(&request).await.status, 201),
            _ => panic!("{told:?}"),
        }
    }
}
