//! A node that is killed in the midst of requests, and an operator, who serves nothing, and says
//! what became of them.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{EntryName, Resolution, Resolved};
use idempotent_tests::Reply;
use tokio::time::{sleep, timeout};

use crate::service::{NODE_TIMEOUT, Service, request, uuid};

/// Time for which a claim stands without renewal. It is waited out once.
const LEASE: Duration = Duration::from_secs(2);
/// Far longer than the test takes, in milliseconds.
const FOREVER: u64 = 3_600_000;

/// Has a node killed when the handlers of these keys have had their effects.
async fn dies_running(service: &Service, keys: &[String]) {
    let requests = keys.iter().map(|key| request("/refuse", key, 0, FOREVER)).collect::<Vec<_>>();
    let asked = futures_util::future::join_all(requests.iter().map(|request| service.ask(0, request)));
    let killed = async {
        while service.effects().len() < keys.len() {
            sleep(Duration::from_millis(10)).await;
        }
        service.kill(0).await;
    };
    let (replies, ()) =
        timeout(NODE_TIMEOUT, async { tokio::join!(asked, killed) }).await.expect("the node dies");
    assert!(replies.iter().all(Option::is_none), "{replies:?}");
}

/// Answer of each node.
async fn answers(service: &Service, request: &[u8]) -> [Reply; 2] {
    let (first, second) = tokio::join!(service.ask(0, request), service.ask(1, request));
    [first.unwrap(), second.unwrap()]
}

async fn are_unknown(service: &Service, request: &[u8]) {
    for reply in answers(service, request).await {
        assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{reply:?}");
    }
}

pub(crate) async fn what_a_killed_node_has_left_is_ended(store: &str) {
    let service = Service::start(store, LEASE).await;
    let keys = [uuid(), uuid(), uuid()];
    dies_running(&service, &keys).await;
    for key in &keys {
        are_unknown(&service, &request("/refuse", key, 0, FOREVER)).await;
    }
    let operator = service.operator().await;
    let resolve = async |key: &String, resolution| {
        let resolved = operator.resolve(&EntryName::global(key), resolution).await.unwrap();
        assert_eq!(resolved, Resolved::Done);
    };
    let [completed, refused, run_again] = &keys;

    resolve(completed, Resolution::Complete(HttpResponse::Created().body("as it was"))).await;
    for reply in answers(&service, &request("/refuse", completed, 0, FOREVER)).await {
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, "as it was"), "{reply:?}");
    }
    resolve(refused, Resolution::Refuse).await;
    are_unknown(&service, &request("/refuse", refused, 0, FOREVER)).await;

    resolve(run_again, Resolution::Rerun).await;
    // Another request may have the key now, one that comes to an end.
    let replies = answers(&service, &request("/refuse", run_again, 0, 0)).await;
    assert_eq!(replies[0].body, replies[1].body);
    for reply in replies {
        assert_eq!((reply.status, reply.header("x-attempt")), (201, Some("1")), "{reply:?}");
    }
    assert_eq!(service.effects().iter().filter(|key| *key == run_again).count(), 2);
    assert_eq!(service.effects().len(), 4);
}
