//! The list of keys that wait for an operator.

use std::collections::BTreeSet;

use idempotent_runtime::{Address, EntryState, Forgotten, Resolution, Resolved, StuckCursor};

use super::{
    fixture::Fixture,
    process::{EITHER_WAY, LEASE, Process, has_run, is_unknown, order, paid},
};
use crate::gate::{Gate, within};

on_every_store!(what_waits_for_somebody_is_listed_page_by_page_until_somebody_has_come);

/// All that is listed, in pages of two or a few more.
async fn listed(process: &Process) -> BTreeSet<Address> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = within(process.idempotency.stuck(after.as_ref(), 2)).await.unwrap();
        assert!(page.entries.len() <= 4, "{page:?}");
        for entry in page.entries {
            assert!(matches!(entry.state, EntryState::Abandoned { .. }), "{entry:?}");
            assert_eq!(entry.endpoint(), "POST /orders");
            all.insert(entry.address);
        }
        let Some(next) = page.next else { return all };
        after = Some(StuckCursor::new(next.to_string()));
    }
}

async fn what_waits_for_somebody_is_listed_page_by_page_until_somebody_has_come(fixture: &impl Fixture) {
    let dying = Process::on(fixture, Gate::shut()).await;
    let process = Process::open(fixture).await;
    let mut connections = Vec::new();
    for number in 0..5 {
        connections.push(dying.begun(&order(&format!("dead-{number}")).0).await);
        dying.gate.began().await;
    }
    has_run(&process.ask(&order("completed").0).await, false);
    drop(dying.server);
    fixture.pass(LEASE).await;
    let running = Process::on(fixture, Gate::shut()).await;
    let _connection = running.begun(&order("running").0).await;
    running.gate.began().await;
    for number in 0..EITHER_WAY.len() {
        is_unknown(&process.ask(&order(&format!("dead-{number}")).0).await);
    }
    let mut wanted = BTreeSet::new();
    for number in 0..5 {
        let entry = process.idempotency.inspect(&order(&format!("dead-{number}")).1).await.unwrap();
        wanted.insert(entry.unwrap().address);
    }
    assert_eq!(listed(&process).await, wanted);
    for (endpoint, number) in [("POST /orders", 5), ("POST /refunds", 0)] {
        let page = within(process.idempotency.stuck_at(endpoint, None, 100)).await.unwrap();
        let listed: BTreeSet<_> = page.entries.iter().map(|entry| entry.address).collect();
        assert_eq!((listed.len(), page.next), (number, None), "{endpoint}");
        assert!(listed.is_subset(&wanted), "{listed:?}");
    }
    let (first, second) = (*wanted.first().unwrap(), *wanted.last().unwrap());
    assert_eq!(process.forget(first).await, Forgotten::Done);
    assert_eq!(process.idempotency.resolve(second, paid()).await.unwrap(), Resolved::Done);
    wanted.retain(|address| ![first, second].contains(address));
    assert_eq!(listed(&process).await, wanted);
    for address in &wanted {
        let told = process.idempotency.resolve(*address, Resolution::Rerun).await.unwrap();
        assert_eq!(told, Resolved::Done);
    }
    assert_eq!(listed(&process).await, BTreeSet::new());
}
