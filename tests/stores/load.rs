//! A store under load while its server is killed.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use idempotent_runtime::{
    Address, Store, StoreError,
    store::{Claim, Completion, Hold},
};
use idempotent_tests::{
    postgres_server::PostgresServer,
    redis_server::RedisServer,
    requests::{WON, claim, complete, hold, record_of, retry},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::times::median;

/// Claims and completions that a store has acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    claimed: Vec<Hold>,
    completed: HashSet<Address>,
}

impl Acknowledged {
    pub(crate) fn claims(&self) -> usize {
        self.claimed.len()
    }

    pub(crate) fn add(&mut self, more: Acknowledged) {
        self.claimed.extend(more.claimed);
        self.completed.extend(more.completed);
    }

    /// Number of acknowledged claims and responses that are lost. A claim is lost where the key is
    /// vacant, whatever was acknowledged after it.
    pub(crate) async fn lost(&self, store: &impl Store) -> (usize, usize) {
        let (mut claims, mut responses) = (0, 0);
        for owner in &self.claimed {
            match claim(store, retry(*owner)).await.unwrap() {
                Claim::Replay { record, .. } => assert_eq!(record, record_of(*owner)),
                found => {
                    claims += usize::from(found == WON);
                    responses += usize::from(self.completed.contains(&owner.address));
                }
            }
        }
        (claims, responses)
    }
}

/// Executions, one after the other in each of many tasks.
pub(crate) struct Load {
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    pub(crate) fn start<S: Store + Clone>(store: &S, tasks: usize) -> Self {
        let mut load = Load { acknowledged: Arc::default(), stop: Arc::default(), tasks: JoinSet::new() };
        for _ in 0..tasks {
            load.tasks.spawn(execute(store.clone(), Arc::clone(&load.acknowledged), Arc::clone(&load.stop)));
        }
        load
    }

    /// Number of claims that have been acknowledged.
    pub(crate) fn claimed(&self) -> usize {
        self.acknowledged.lock().unwrap().claims()
    }

    /// Waits until so many claims have been acknowledged.
    pub(crate) async fn until_claimed(&self, claims: usize) {
        let claimed = async {
            while self.claimed() < claims {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), claimed).await.expect("claims are acknowledged");
    }

    /// Stands by while the server is down. Nothing is won, but for what the server had sent before
    /// and arrives only now.
    pub(crate) async fn wins_nothing(&self) {
        sleep(Duration::from_millis(50)).await;
        let before = self.claimed();
        sleep(Duration::from_millis(300)).await;
        assert_eq!(self.claimed(), before, "claims are won while the server is down");
    }

    pub(crate) async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await;
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

/// Executes until it is told to stop. What is not acknowledged is left as it is.
async fn execute(store: impl Store, acknowledged: Arc<Mutex<Acknowledged>>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let owner = hold();
        match claim(&store, owner).await {
            Ok(won) => assert_eq!(won, WON),
            Err(StoreError::Unavailable { .. } | StoreError::NotDone { .. }) => {
                sleep(Duration::from_millis(1)).await;
                continue;
            }
            Err(error) => panic!("a server that ends is {error:?}"),
        }
        acknowledged.lock().unwrap().claimed.push(owner);
        // A server that has forgotten the claim says that it is fenced: the claim is what is lost
        // then.
        if let Ok(Completion::Stored) = complete(&store, owner).await {
            acknowledged.lock().unwrap().completed.insert(owner.address);
        }
    }
}

/// Time from now until the store answers.
pub(crate) async fn first_success(store: &impl Store) -> Duration {
    let began = Instant::now();
    while let Err(error) = claim(store, hold()).await {
        assert!(began.elapsed() < Duration::from_secs(30), "the store does not come back: {error:?}");
        sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// A server that can be killed.
pub(crate) trait Mortal {
    fn kill(&mut self);
    /// Gives when it accepts connections again.
    fn restart(&mut self) -> impl Future<Output = ()>;
}

/// Outcome for a server that was killed under load, time and again.
#[derive(Debug)]
pub(crate) struct Killed {
    lost: (usize, usize),
    claims: usize,
    /// Time after which the store answered, counted from when the server accepted connections
    /// again, for each kill.
    returns: Vec<Duration>,
}

pub(crate) async fn kill_under_load<S: Store + Clone>(
    server: &mut impl Mortal,
    store: &S,
    times: usize,
) -> Killed {
    let (mut acknowledged, mut returns) = (Acknowledged::default(), Vec::new());
    for round in 0..times {
        let load = Load::start(store, 32);
        load.until_claimed(200 + 37 * round).await;
        server.kill();
        load.wins_nothing().await;
        server.restart().await;
        returns.push(first_success(store).await);
        acknowledged.add(load.stop().await);
    }
    Killed { lost: acknowledged.lost(store).await, claims: acknowledged.claims(), returns }
}

impl Killed {
    fn tell(&self) {
        let Killed { lost: (claims, responses), claims: acknowledged, returns } = self;
        println!("{acknowledged} claims acknowledged, lost {claims} claims and {responses} responses");
        println!("first successes {returns:?} after the server's return");
    }

    pub(crate) fn assert_nothing_is_lost(self) {
        self.tell();
        assert_eq!(self.lost, (0, 0), "claims and responses");
        let median = median(self.returns);
        assert!(median < Duration::from_secs(1), "{median:?}");
    }

    /// The control: with settings that lose, the loss is seen.
    pub(crate) fn assert_a_loss_is_seen(&self) {
        self.tell();
        assert!(self.lost.0 > 0 && self.lost.1 > 0, "the test sees no loss: {self:?}");
    }
}

impl Mortal for PostgresServer {
    fn kill(&mut self) {
        PostgresServer::kill(self);
    }

    async fn restart(&mut self) {
        PostgresServer::restart(self).await;
    }
}

impl Mortal for RedisServer {
    fn kill(&mut self) {
        RedisServer::kill(self);
    }

    async fn restart(&mut self) {
        RedisServer::restart(self).await;
    }
}
