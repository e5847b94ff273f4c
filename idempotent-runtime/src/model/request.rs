//! One request of a world: it does what `run` and `execution` do, in their words.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use futures_util::future::select;
use shuttle::future::yield_now;

use super::world::{Act, Answer, LEASE, World};
use crate::{
    clock::{Clock, Timestamp},
    flight::{Ending, Entry, Flights, Follower, Leader, Phase},
    reason::RefusalCode,
    request::CallerId,
    store::{Claim, ClaimRequest, Completion, Hold, Origin, Record, Renewal, Retention, Store},
};

const RETENTION: Duration = Duration::from_secs(365 * 24 * 3600);

enum Asked {
    Answered(Answer),
    /// Its claim was lost before it had begun.
    Again(Leader),
    Elsewhere(Leader, Duration),
}

impl World {
    pub(super) async fn claim(&self, hold: Hold) -> Claim {
        let on_abandoned = self.0.on_abandoned;
        let request = ClaimRequest {
            hold,
            lease: LEASE,
            on_abandoned,
            retention: RETENTION,
            origin: Origin::default(),
        };
        self.0.store.claim(request).await.unwrap()
    }

    /// A client that leaves waits in vain `patience` times, and then drops what it waits upon.
    pub(super) async fn answer(&self, process: &Flights, hold: Hold, patience: usize) -> Answer {
        if let Some(record) = self.0.store.recall(hold.address, hold.fingerprint) {
            return Answer::Replay(record);
        }
        loop {
            let leader = match process.enter(hold.address, CallerId::NOBODY) {
                Entry::Crowded => return Answer::Refused(RefusalCode::InProgress),
                Entry::Follows(follower) => match patient(patience, pin!(follow(follower))).await {
                    None => return Answer::Left,
                    Some(Some(answer)) => return answer,
                    Some(None) => {
                        self.notes(|notes| notes.asked_anew += 1);
                        continue;
                    }
                },
                Entry::Leads(leader) => leader,
            };
            return self.lead(process, hold, leader).await;
        }
    }

    /// Detached from its client: it does not leave.
    async fn lead(&self, process: &Flights, mut hold: Hold, mut leader: Leader) -> Answer {
        loop {
            match self.ask(hold, leader).await {
                Asked::Answered(answer) => return answer,
                Asked::Again(again) => (hold, leader) = (self.hold(), again),
                Asked::Elsewhere(waiting, lease_left) => {
                    self.wait_elsewhere(process, hold, &waiting, lease_left).await;
                    leader = waiting;
                }
            }
        }
    }

    async fn ask(&self, hold: Hold, leader: Leader) -> Asked {
        leader.claims(hold);
        let sent = self.0.clock.now();
        let claim = self.claim(hold).await;
        // The answer waits for its worker.
        yield_now().await;
        Asked::Answered(match claim {
            Claim::Won { .. } if !self.stands(hold, sent).await => return Asked::Again(leader),
            Claim::Won { attempt } => self.execute(hold, leader, attempt).await,
            Claim::Replay { record, .. } => {
                leader.end(Ending::Completed(hold.fingerprint, record.clone()));
                Answer::Replay(record)
            }
            Claim::InFlight { lease_left } => return Asked::Elsewhere(leader, lease_left),
            Claim::Abandoned => {
                leader.end(Ending::Settled(hold.fingerprint, RefusalCode::OutcomeUnknown.into()));
                Answer::Refused(RefusalCode::OutcomeUnknown)
            }
            other => panic!("a request of this world was told {other:?}"),
        })
    }

    /// True if a claim that was sent then, and has been won, stands. It is renewed first where its
    /// answer came late.
    async fn stands(&self, hold: Hold, mut sent: Timestamp) -> bool {
        while !self.begins(sent) {
            sent = self.0.clock.now();
            if self.0.store.renew(hold, LEASE).await.unwrap() == Renewal::Fenced {
                return false;
            }
        }
        true
    }

    /// True if a handler may begin. From here until it has begun no time passes.
    fn begins(&self, sent: Timestamp) -> bool {
        self.notes(|notes| {
            let is_late = self.0.clock.now().since(sent) >= LEASE / 3;
            notes.beginning += usize::from(!is_late);
            !is_late
        })
    }

    async fn execute(&self, hold: Hold, leader: Leader, attempt: u32) -> Answer {
        self.notes(|notes| notes.last_won = notes.last_won.max(attempt));
        leader.running(hold);
        let act = self.notes(|notes| notes.acts.pop_front().unwrap_or(Act::Complete));
        let entry = self.0.store.inspect(hold.address).await.unwrap();
        assert_eq!(entry.map(|entry| entry.token), Some(hold.token), "a handler begins without its claim");
        self.notes(|notes| {
            notes.beginning -= 1;
            if act != Act::Release {
                notes.effects.push(attempt);
            }
        });
        yield_now().await;
        match act {
            Act::Complete => self.complete(hold, leader, attempt).await,
            Act::Flush => {
                self.0.store.release(hold).await.unwrap();
                self.notes(|notes| notes.flushed += 1);
                self.complete(hold, leader, attempt).await
            }
            Act::Release => {
                leader.finishing(hold);
                self.0.store.release(hold).await.unwrap();
                leader.end(Ending::Released);
                Answer::Released
            }
            Act::Drop => Answer::Died,
            Act::Panic => {
                leader.end(Ending::Panicked);
                Answer::Died
            }
        }
    }

    async fn complete(&self, hold: Hold, leader: Leader, attempt: u32) -> Answer {
        let taken_over = self.notes(|notes| notes.last_won > attempt);
        let record = Record::from_bytes(hold.token.as_bytes().to_vec());
        let retention = Retention { replay: RETENTION, remember: Duration::ZERO };
        leader.finishing(hold);
        match self.0.store.complete(hold, record.clone(), retention).await.unwrap() {
            Completion::Stored => {
                assert!(!taken_over, "a claim that had been taken over was completed");
                leader.end(Ending::Completed(hold.fingerprint, record.clone()));
                Answer::Stored(record)
            }
            Completion::Fenced(winner) => {
                assert_eq!(self.0.store.renew(hold, LEASE).await.unwrap(), Renewal::Fenced);
                leader.end(match winner.clone() {
                    Some(winner) => Ending::Completed(hold.fingerprint, winner),
                    None => Ending::Unrecorded(hold.fingerprint, record),
                });
                Answer::Fenced(winner)
            }
        }
    }

    async fn wait_elsewhere(&self, process: &Flights, hold: Hold, leader: &Leader, lease_left: Duration) {
        let _place = process.place(CallerId::NOBODY).unwrap();
        leader.elsewhere(hold.fingerprint);
        let until = self.0.clock.now().after(lease_left);
        let mut sleeper = self.0.time.join(usize::MAX).unwrap();
        let slept = pin!(sleeper.until(|now| (*now >= until).then_some(())));
        let changed = pin!(self.0.store.changed(hold.address));
        select(changed, slept).await;
    }
}

async fn follow(mut follower: Follower) -> Option<Answer> {
    let ending = match follower.claimed().await {
        Phase::Ended(ending) => ending,
        _ => follower.ended().await,
    };
    match ending {
        Ending::Completed(_, record) => Some(Answer::Replay(record)),
        Ending::Unrecorded(_, record) => Some(Answer::Shared(record)),
        Ending::Settled(_, reason) => Some(Answer::Refused(reason.code)),
        Ending::Released | Ending::Lost | Ending::Panicked => None,
    }
}

/// Output of `future`, unless it has to wait this many times.
async fn patient<F: Future>(mut patience: usize, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            patience -= 1;
            if patience == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
