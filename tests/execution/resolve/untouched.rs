//! Entries that no operator can end: those that run, and those that have their outcome.

use std::time::Duration;

use idempotent_runtime::{EntryName, Resolution, Resolved};

use super::{
    fixture::Fixture,
    process::{LEASE, Process, has_run, order, paid},
};
use crate::gate::{Gate, keyed, within};

on_every_store!(
    what_runs_is_not_touched,
    what_has_its_outcome_is_not_touched,
    what_nobody_has_asked_for_is_not_found,
);

async fn each_way(process: &Process, entry: &EntryName) -> [Resolved; 3] {
    let mut told = [Resolved::Done; 3];
    for (told, resolution) in told.iter_mut().zip([Resolution::Rerun, Resolution::Refuse, paid()]) {
        *told = process.resolve(entry, resolution).await;
    }
    told
}

async fn what_runs_is_not_touched(fixture: &impl Fixture) {
    let (request, entry) = order("k");
    let (running, process) = (Process::on(fixture, Gate::shut()).await, Process::open(fixture).await);
    let mut connection = running.begun(&request).await;
    running.gate.began().await;
    fixture.pass(LEASE / 2).await;
    for told in each_way(&process, &entry).await.into_iter().chain(each_way(&running, &entry).await) {
        match told {
            Resolved::Running { lease_left } if !lease_left.is_zero() && lease_left <= LEASE / 2 => {}
            _ => panic!("{told:?}"),
        }
    }
    running.gate.let_one_through();
    has_run(&within(connection.reply()).await.unwrap(), false);
    has_run(&process.ask(&request).await, true);
}

async fn what_has_its_outcome_is_not_touched(fixture: &impl Fixture) {
    const HOUR: Duration = Duration::from_secs(3600);
    let process = Process::with(fixture, Gate::open(), |builder| builder.remember_expired_keys(HOUR)).await;
    let (request, entry) = order("k");
    has_run(&process.ask(&request).await, false);
    assert_eq!(each_way(&process, &entry).await, [Resolved::Settled; 3]);
    has_run(&Process::open(fixture).await.ask(&request).await, true);
    let (stream, streamed) = (keyed("/streams", "k", ""), entry_of_streams());
    process.ask(&stream).await;
    assert_eq!(each_way(&process, &streamed).await, [Resolved::Settled; 3]);
    assert_eq!(process.ask(&stream).await.code(), "response_not_stored");
    fixture.pass(HOUR * 24).await;
    assert_eq!(each_way(&process, &entry).await, [Resolved::Settled; 3]);
    assert_eq!(process.ask(&request).await.code(), "key_expired");
}

fn entry_of_streams() -> EntryName {
    EntryName::endpoint(actix_web::http::Method::POST, "/streams", "k")
}

async fn what_nobody_has_asked_for_is_not_found(fixture: &impl Fixture) {
    let (request, entry) = order("k");
    let process = Process::open(fixture).await;
    assert_eq!(each_way(&process, &entry).await, [Resolved::NotFound; 3]);
    has_run(&process.ask(&request).await, false);
}
