//! Two thousand equal requests at once, over two nodes.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{sleep, timeout};

use crate::service::{NODE_TIMEOUT, Service, request, uuid};

const REQUESTS: usize = 2_000;
/// Longer than any test: a lease that ran out, or was near it, would be asked about once more.
const LEASE: Duration = Duration::from_secs(3600);

/// Asserts that one of the requests runs, and ends when all the others are waiting for it, and that
/// all get its answer.
pub(crate) async fn one_effect_answers_all(store: &str) {
    let service = Service::start(store, LEASE).await;
    let request = request("/held", &uuid(), 0, 0);
    let replies = join_all((0..REQUESTS).map(|number| service.ask(number % 2, &request)));
    let all_wait = async { timeout(NODE_TIMEOUT, let_go_when_all_wait(&service)).await.expect("all arrive") };
    let (replies, claims) = join(replies, all_wait).await;
    let replies: Vec<_> = replies.into_iter().map(|reply| reply.expect("a response")).collect();
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (201, &replies[0].body), "{reply:?}");
    }
    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1);
    assert_eq!(service.effects().len(), 1);
    // Two claims decide who runs the request, one per node, however many wait. The node that did
    // not run it then reads the record with one claim more, since a claim is the only read. A node
    // that asked so late that it was told at once spares that.
    assert_eq!(claims, [1, 1], "claims while the handler ran");
    let claims = service.claims(0).await + service.claims(1).await;
    assert!(claims <= 3, "{claims} claims");
}

/// Waits until all requests have arrived and both nodes have asked the store. Gives how often they
/// had asked until then.
async fn let_go_when_all_wait(service: &Service) -> [usize; 2] {
    loop {
        let held = [service.held(0).await, service.held(1).await];
        let claims = [service.claims(0).await, service.claims(1).await];
        if held == [REQUESTS / 2; 2] && claims.iter().all(|&claims| claims > 0) {
            service.let_go().await;
            return claims;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
