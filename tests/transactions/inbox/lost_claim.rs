//! Steps whose claim has been taken over while they ran.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{IdempotentTx, Once};
use sqlx::Postgres;
use tokio::sync::Semaphore;

use super::fixture::{Inbox, Settled};
use crate::fixture::{Fixture, OnPostgres, within};

const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(60);

/// A step that adds its row, tells so, and waits to be let through.
struct Held<'a> {
    node: &'a Inbox<OnPostgres>,
    began: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl<'a> Held<'a> {
    fn at(node: &'a Inbox<OnPostgres>) -> Self {
        Held { node, began: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    async fn settle(&self) -> Settled {
        let step = async |_, mut tx: IdempotentTx<Postgres>| {
            let run = self.node.add("k", &mut tx).await?;
            self.began.add_permits(1);
            self.open.acquire().await.unwrap().forget();
            Ok(run + 100)
        };
        within(self.node.idempotency.once("settle", "k").run_in(step)).await
    }

    async fn began(&self) {
        within(self.began.acquire()).await.unwrap().forget();
    }
}

/// Two nodes that both run one step: the first has lost its claim to the second. `in_order` lets
/// them through.
async fn two_runners(
    fixture: &OnPostgres,
    in_order: impl AsyncFnOnce(&Held<'_>, &Held<'_>),
) -> [Once<u32>; 2] {
    let (zombie, winner) = (Inbox::new(fixture).await, Inbox::new(fixture).await);
    assert_eq!(winner.settle("other", &[]).await.unwrap(), Once::Ran(1));
    let (zombie, winner) = (Held::at(&zombie), Held::at(&winner));
    let (lost, won, ()) = tokio::join!(
        zombie.settle(),
        async {
            zombie.began().await;
            fixture.0.shift(LONGER_THAN_A_LEASE).await;
            winner.settle().await
        },
        async {
            winner.began().await;
            in_order(&zombie, &winner).await;
        },
    );
    assert_eq!(fixture.count().await, 2, "one row a message");
    [lost.unwrap(), won.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_last_keeps_nothing_and_has_the_value_that_the_other_has_committed() {
    let fixture = OnPostgres::new().await;
    let told = two_runners(&fixture, async |zombie, winner| {
        winner.open.add_permits(1);
        while fixture.count().await < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        zombie.open.add_permits(1);
    })
    .await;
    assert_eq!(told, [Once::Replayed(102), Once::Ran(102)]);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_first_keeps_nothing_and_is_told_that_another_runs() {
    let fixture = OnPostgres::new().await;
    let [lost, won] = two_runners(&fixture, async |zombie, winner| {
        let before = zombie.node.pool.num_idle();
        zombie.open.add_permits(1);
        while zombie.node.pool.num_idle() == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(fixture.count().await, 1);
        winner.open.add_permits(1);
    })
    .await;
    assert!(matches!(lost, Once::InProgress { .. }), "{lost:?}");
    assert_eq!(won, Once::Ran(102));
    fixture.clean().await;
}
