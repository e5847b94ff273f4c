//! Plays sequences against a store, most of the time side by side, and compares each answer with
//! the right one.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    answer::StoreAnswer,
    call::{Call, Step, Verb},
    cast::Cast,
    reference::Reference,
};
use crate::{
    conformance::Subject,
    store::{ForgetRequest, Inspection, Store, StoreError},
};

/// Number of phases of which one is played one sequence at a time: a store may answer a lone call
/// in another way than calls that arrive together. It is one phase of a long round, since it is
/// slow, and none where time passes by itself.
const LONELY: usize = 16;

/// First wrong answer to a sequence.
pub(super) struct Mismatch {
    /// Place of the call in its sequence.
    pub(super) at: usize,
    /// The answers to all calls up to this one, as text.
    pub(super) given: Vec<String>,
    pub(super) right: String,
}

/// One sequence on its way.
struct Player<'a, S> {
    store: Arc<S>,
    steps: &'a [Step],
    next: usize,
    cast: Cast,
    reference: Reference,
    given: Vec<StoreAnswer>,
    right: Option<StoreAnswer>,
    tolerance: Duration,
}

/// Plays `sequences`, which all have time pass in the same places. Gives the first wrong answer to
/// each, where there is one.
///
/// # Errors
/// The operating system has no random numbers to give.
pub(super) async fn play<S: Store>(
    subject: &Subject<S>,
    stores: &[Arc<S>],
    sequences: &[Vec<Step>],
) -> Result<Vec<Option<Mismatch>>, String> {
    let unit = subject.unit_of_sequences();
    let mut players = Vec::new();
    for (steps, store) in sequences.iter().zip(stores.iter().cycle()) {
        players.push(Player {
            store: Arc::clone(store),
            steps,
            next: 0,
            cast: Cast::new(unit)?,
            reference: Reference::new(),
            given: Vec::new(),
            right: None,
            tolerance: unit / 2,
        });
    }
    for phase in 1.. {
        let is_lonely = phase % LONELY == 0 && subject.moves_time_for_all();
        let pause = if is_lonely { one_by_one(&mut players).await } else { side_by_side(&mut players).await };
        match pause {
            Some(Step::Pass(units)) => subject.pass_in_sequence(unit * units).await,
            Some(Step::Sweep) => subject.swept().await,
            Some(Step::Call(_)) | None => break,
        }
    }
    Ok(players.into_iter().map(Player::into_mismatch).collect())
}

/// Plays one phase of all sequences at once, and gives the pause after it.
async fn side_by_side<S: Store>(players: &mut [Player<'_, S>]) -> Option<Step> {
    let pauses = join_all(players.iter_mut().map(Player::play)).await;
    pauses.into_iter().flatten().next()
}

/// Plays one phase of each sequence after that of the one before, and gives the pause after it.
async fn one_by_one<S: Store>(players: &mut [Player<'_, S>]) -> Option<Step> {
    let mut pause = None;
    for player in players {
        pause = player.play().await;
    }
    pause
}

impl<S: Store> Player<'_, S> {
    /// Makes all calls up to the next pause, and gives the pause. A sequence that has been answered
    /// wrongly makes no more calls.
    async fn play(&mut self) -> Option<Step> {
        while let Some(step) = self.steps.get(self.next) {
            self.next += 1;
            match step {
                Step::Call(call) if self.right.is_none() => self.call(call).await,
                Step::Call(_) => {}
                Step::Pass(units) => {
                    self.reference.pass(self.cast.time(*units));
                    return Some(step.clone());
                }
                Step::Sweep => return Some(Step::Sweep),
            }
        }
        None
    }

    async fn call(&mut self, call: &Call) {
        let right = self.reference.answer(call, &self.cast);
        let given = send(&*self.store, call, &self.cast).await;
        if !right.allows(&given, self.tolerance) {
            self.right = Some(right);
        }
        self.given.push(given);
    }

    fn into_mismatch(self) -> Option<Mismatch> {
        let right = self.right?.shown(&self.cast);
        let calls = self.steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Call(_)));
        let (at, _) = calls.take(self.given.len()).last()?;
        let given = self.given.iter().map(|answer| answer.shown(&self.cast)).collect();
        Some(Mismatch { at, given, right })
    }
}

/// Sends `call` to the store.
async fn send<S: Store>(store: &S, call: &Call, cast: &Cast) -> StoreAnswer {
    let address = cast.address(call.key);
    match &call.verb {
        Verb::Claim(claiming) => {
            let request = cast.claim(call.key, claiming);
            let claim = if claiming.for_transaction {
                store.claim_for_transaction(request).await
            } else {
                store.claim(request).await
            };
            StoreAnswer::of(claim, StoreAnswer::Claim)
        }
        Verb::Renew { owner, lease } => {
            let hold = cast.hold(call.key, *owner);
            StoreAnswer::of(store.renew(hold, cast.time(*lease)).await, StoreAnswer::Renewal)
        }
        Verb::Complete { owner, record, replay, remember } => {
            let (hold, record) = (cast.hold(call.key, *owner), cast.record(*record));
            let retention = cast.retention(*replay, *remember);
            StoreAnswer::of(store.complete(hold, record, retention).await, StoreAnswer::Completion)
        }
        Verb::Release { owner } => {
            StoreAnswer::of(store.release(cast.hold(call.key, *owner)).await, |()| StoreAnswer::Released)
        }
        Verb::Resolve { by, instead_of, outcome } => {
            let request = cast.resolve(call.key, *by, *instead_of, *outcome);
            StoreAnswer::of(store.resolve(request).await, StoreAnswer::Resolve)
        }
        Verb::Inspect => StoreAnswer::of(store.inspect(address).await, StoreAnswer::Inspected),
        Verb::Forget { token, stage } => {
            let request = ForgetRequest { address, token: cast.token(call.key, *token), stage: *stage };
            StoreAnswer::of(store.forget(request).await, StoreAnswer::Forget)
        }
        Verb::Recall { owner } => StoreAnswer::Recalled(store.recall(address, cast.fingerprint(*owner))),
        Verb::Stuck => StoreAnswer::of(stuck(store, cast).await, StoreAnswer::Stuck),
    }
}

/// The stuck entries among the sequence's own keys, from all pages.
async fn stuck<S: Store>(store: &S, cast: &Cast) -> Result<Vec<Inspection>, StoreError> {
    let (own, mut all, mut after) = (cast.addresses(), Vec::new(), None);
    loop {
        let page = store.stuck(cast.stuck(after)).await?;
        all.extend(page.entries.into_iter().filter(|entry| own.contains(&entry.address)));
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}
