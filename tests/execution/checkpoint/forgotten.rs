//! Steps of keys that are forgotten together with all that their caller holds.

use std::pin::pin;

use futures_util::poll;

use super::fixture::{Cluster, Fixture, LEASE, ask, charge_of, dies_behind_its_step};

#[tokio::test]
async fn a_key_that_is_forgotten_with_its_caller_leaves_no_step_whenever_its_lease_ends() {
    for moment in 1..6 {
        let (cluster, request) = (Cluster::new(), charge_of("k"));
        dies_behind_its_step(&cluster, &request).await;
        let operator = cluster.operator();
        let caller = operator.usage().await.unwrap().callers[0].caller;
        let mut forgetting = pin!(operator.forget_caller(caller));
        let mut polls = 0;
        let freed = loop {
            polls += 1;
            if polls == moment {
                cluster.clock.advance(LEASE);
            }
            if let std::task::Poll::Ready(freed) = poll!(forgetting.as_mut()) {
                break freed.unwrap().unwrap();
            }
        };
        let fixture = Fixture::open();
        let (server, _) = cluster.process(&fixture);
        // The lease has ended, now at the latest.
        if polls < moment {
            cluster.clock.advance(LEASE);
        }
        let reply = ask(&server, &request).await;
        match freed.keys {
            0 => assert_eq!((reply.text(), fixture.step.effects()), ("charge 1, attempt 2", 0), "{moment}"),
            _ => assert_eq!((reply.text(), fixture.step.effects()), ("charge 1, attempt 1", 1), "{moment}"),
        }
    }
}
