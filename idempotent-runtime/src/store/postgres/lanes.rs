//! Lanes on which calls go to the server. A row that somebody has locked holds up its own calls and
//! no others.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    NAME,
    calls::{Answer, Call},
    trips::{Carrier, Failure, Sent, fitting},
};
use crate::{
    request::Address,
    store::{
        StoreError,
        remote::{Asked, Batches, fail, in_time},
    },
    sync::{Mutex, lock},
};

/// Number of calls that go in one statement.
const MOST: usize = 128;
/// Time for which a row is waited for where other calls wait behind it.
const NO_WAIT: Duration = Duration::from_millis(1);
/// Time that a caller has left after the wait for its row.
const MARGIN: Duration = Duration::from_millis(300);
/// The longest time for which rows are waited for, all together.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Time for which it is remembered that somebody has locked a row; and the number of rows
/// remembered.
const REMEMBERED: Duration = Duration::from_secs(1);
const REMEMBER: usize = 1024;
/// Time that a call may take: its caller waits as long for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

// A row may be locked for long: by somebody's transaction, or by a commit that stalls. A call gets
// its answer so:
//
//   together  ─ all rows are free, or soon are ─▶ answered
//             ─ a lock or room for a row is missing ─▶ nothing was done: apart, on the same lane
//   apart     ─ its own row is free ─▶ answered
//             ─ there is no room for it ─▶ failed: the store is full
//             ─ locked ─▶ patiently, on a lane of its own; for a second, all calls for this
//                         address begin there
//   patiently ─ the row is free in time ─▶ answered
//             ─ it is not ─▶ failed; nothing was done
//
// So other calls wait for a locked row for a tenth of a second, once. They do not wait again for as
// long as somebody asks for that row.
/// Carries the calls of one store. Clones share the lanes.
#[derive(Clone)]
pub(super) struct Lanes {
    quick: Batches<Call, Answer>,
    /// Lane for calls that need not be on disk. Their trips are so short that on more lanes no two
    /// calls would share one.
    undurable: Batches<Call, Answer>,
    patient: Batches<Call, Answer>,
    locked: Arc<Locked>,
}

type Calls = Vec<Asked<Call, Answer>>;

impl Lanes {
    /// Starts `lanes` lanes on the present runtime. Starts another one for calls that need not be
    /// on disk, and another one for locked rows.
    pub(super) fn start(carrier: Carrier, lanes: usize) -> Self {
        let carrier = Arc::new(carrier);
        let start = |lanes, way| {
            let carrier = Arc::clone(&carrier);
            Batches::start_each(NAME, lanes, MOST, move |calls| answer_all(Arc::clone(&carrier), calls, way))
        };
        Lanes {
            quick: start(lanes, Way::Quick),
            undurable: start(1, Way::Quick),
            patient: start(1, Way::Patient),
            locked: Arc::default(),
        }
    }

    /// The server's answer to `call`.
    ///
    /// # Errors
    /// The server does not answer, or somebody else has locked the row for as long as one can wait.
    pub(super) async fn call(&self, call: Call) -> Result<Answer, StoreError> {
        let (address, until) = (call.hold.address, Instant::now() + PATIENCE);
        if !self.locked.knows(&address) {
            let lanes = if call.durable { &self.quick } else { &self.undurable };
            let answer = lanes.call_until(call.clone(), until).await?;
            if !answer.is_locked() {
                return Ok(answer);
            }
            self.locked.note(address);
        }
        let answer = self.patient.call_until(call, until).await?;
        if answer.is_locked() {
            self.locked.note(address);
            return Err(locked());
        }
        self.locked.forget(&address);
        Ok(answer)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Quick,
    Patient,
}

/// Answers `calls`, as many at a time as fit in one statement and its answer. Calls that have been
/// answered stay so, whatever becomes of the rest.
async fn answer_all(carrier: Arc<Carrier>, mut calls: Calls, way: Way) {
    calls.sort_by_key(|call| *call.op.hold.address.as_bytes());
    while !calls.is_empty() {
        let most = fitting(calls.iter().map(|call| &call.op));
        match carry(&carrier, &calls[..most], way).await {
            Ok(answers) => {
                let answered = calls.drain(..answers.len());
                answered.zip(answers).for_each(|(call, answer)| call.answer(answer.unless_full()));
            }
            Err(failure) => fail(calls.drain(..most), failure.into()),
        }
        calls = in_time(NAME, calls);
    }
}

async fn carry(carrier: &Carrier, calls: &[Asked<Call, Answer>], way: Way) -> Result<Vec<Answer>, Failure> {
    let part: Vec<_> = calls.iter().map(|call| &call.op).collect();
    match way {
        Way::Quick => match carrier.carry(&part, Sent::Together).await {
            Err(Failure::OfOne(answer)) if part.len() == 1 => Ok(vec![answer]),
            Err(Failure::OfOne(_)) => carrier.carry(&part, Sent::Apart(NO_WAIT)).await,
            answers => answers,
        },
        Way::Patient => carrier.carry(&part, Sent::Apart(share(calls))).await,
    }
}

/// Time for which each of the rows of `calls` is waited for. The first row leaves some of the time
/// for the last, and all calls are answered in time.
fn share(calls: &[Asked<Call, Answer>]) -> Duration {
    let now = Instant::now();
    let until = calls.iter().map(|call| call.until).min().unwrap_or(now);
    let rows = calls.chunk_by(|call, next| call.op.hold.address == next.op.hold.address).count();
    let left = until.saturating_duration_since(now + MARGIN).min(LONGEST_WAIT);
    (left / u32::try_from(rows).unwrap_or(u32::MAX)).max(NO_WAIT)
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::OfOne(answer) => answer.unless_full().err().unwrap_or_else(locked),
            Failure::Store(error) => error,
        }
    }
}

fn locked() -> StoreError {
    StoreError::undone(NAME, "another transaction has locked the row")
}

/// Rows that somebody has locked, and the times until which that is believed.
#[derive(Default)]
struct Locked(Mutex<HashMap<Address, Instant>>);

impl Locked {
    fn knows(&self, address: &Address) -> bool {
        lock(&self.0).get(address).is_some_and(|until| Instant::now() < *until)
    }

    /// Remembers a locked row. Beyond a bound nothing more is remembered: the lock is found out
    /// again.
    fn note(&self, address: Address) {
        let (mut known, now) = (lock(&self.0), Instant::now());
        if known.len() >= REMEMBER {
            known.retain(|_, until| now < *until);
        }
        if known.len() < REMEMBER {
            known.insert(address, now + REMEMBERED);
        }
    }

    fn forget(&self, address: &Address) {
        lock(&self.0).remove(address);
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("locked", &lock(&self.locked.0).len()).finish_non_exhaustive()
    }
}
