//! Lanes on which calls go to the server. A row that somebody has locked holds up its own calls and
//! no others.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    calls::Call,
    failure::NAME,
    statements::{Failure, Sent, Statements, fitting},
};
use crate::{
    request::Address,
    store::{
        StoreError,
        remote::{Batches, QueuedCall, Reply, Word, fail, in_time},
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
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

// A row may be locked for long: by somebody's transaction, or by a commit that stalls. A call gets
// its answer so:
//
//   together  ─ all rows are free, or soon are ─▶ answered
//             ─ a lock or room for a row is missing ─▶ nothing was done: apart, on the same lane
//   apart     ─ its own row is free ─▶ answered
//             ─ there is no room for it ─▶ failed: the store is full
//             ─ locked ─▶ waiting, on a lane of its own; for a second, all calls for this
//                         address begin there
//   waiting   ─ the row is free in time ─▶ answered
//             ─ it is not ─▶ failed; nothing was done
//
// So other calls wait for a locked row for a tenth of a second, once. They do not wait again for as
// long as somebody asks for that row.
/// Carries the calls of one store. Clones share the lanes.
#[derive(Clone)]
pub(super) struct Lanes {
    quick: Batches<Call, Reply>,
    /// Lane for calls that need not be on disk. Their trips are so short that on more lanes no two
    /// calls would share one.
    undurable: Batches<Call, Reply>,
    waiting: Batches<Call, Reply>,
    locked: Arc<Locked>,
}

type Calls = Vec<QueuedCall<Call, Reply>>;

impl Lanes {
    /// Starts `lanes` lanes on the present runtime. Starts another one for calls that need not be
    /// on disk, and another one for locked rows.
    pub(super) fn start(statements: Statements, lanes: usize) -> Self {
        let statements = Arc::new(statements);
        let start = |lanes, way| {
            let statements = Arc::clone(&statements);
            Batches::start_each(NAME, lanes, MOST, move |calls| {
                answer_all(Arc::clone(&statements), calls, way)
            })
        };
        Lanes {
            quick: start(lanes, Way::Quick),
            undurable: start(1, Way::Quick),
            waiting: start(1, Way::Waiting),
            locked: Arc::default(),
        }
    }

    /// The server's answer to `call`.
    ///
    /// # Errors
    /// The server does not answer, or somebody else has locked the row for as long as one can wait.
    pub(super) async fn call(&self, call: Call) -> Result<Reply, StoreError> {
        let (address, until) = (call.hold.address, Instant::now() + CALL_TIMEOUT);
        if !self.locked.knows(&address) {
            let lanes = if call.durable { &self.quick } else { &self.undurable };
            let answer = lanes.call_until(call.clone(), until).await?;
            if answer.word != Word::Locked {
                return Ok(answer);
            }
            self.locked.note(address);
        }
        let answer = self.waiting.call_until(call, until).await?;
        if answer.word == Word::Locked {
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
    Waiting,
}

/// Answers `calls`, as many at a time as fit in one statement and its answer. Calls that have been
/// answered stay so, whatever becomes of the rest.
async fn answer_all(statements: Arc<Statements>, mut calls: Calls, way: Way) {
    calls.sort_by_key(|call| *call.op.hold.address.as_bytes());
    while !calls.is_empty() {
        let most = fitting(calls.iter().map(|call| &call.op));
        match carry(&statements, &calls[..most], way).await {
            Ok(answers) => {
                let answered = calls.drain(..answers.len());
                answered.zip(answers).for_each(|(call, answer)| call.answer(unless_full(answer)));
            }
            Err(failure) => fail(calls.drain(..most), failure.into()),
        }
        calls = in_time(NAME, calls);
    }
}

async fn carry(
    statements: &Statements,
    calls: &[QueuedCall<Call, Reply>],
    way: Way,
) -> Result<Vec<Reply>, Failure> {
    let part: Vec<_> = calls.iter().map(|call| &call.op).collect();
    match way {
        Way::Quick => match statements.carry(&part, Sent::Together).await {
            Err(Failure::OfOne(answer)) if part.len() == 1 => Ok(vec![answer]),
            Err(Failure::OfOne(_)) => statements.carry(&part, Sent::Apart(NO_WAIT)).await,
            answers => answers,
        },
        Way::Waiting => statements.carry(&part, Sent::Apart(share(calls))).await,
    }
}

/// Time for which each of the rows of `calls` is waited for. The first row leaves some of the time
/// for the last, and all calls are answered in time.
fn share(calls: &[QueuedCall<Call, Reply>]) -> Duration {
    let now = Instant::now();
    let until = calls.iter().map(|call| call.until).min().unwrap_or(now);
    let rows = calls.chunk_by(|call, next| call.op.hold.address == next.op.hold.address).count();
    let left = until.saturating_duration_since(now + MARGIN).min(LONGEST_WAIT);
    (left / u32::try_from(rows).unwrap_or(u32::MAX)).max(NO_WAIT)
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::OfOne(answer) => unless_full(answer).err().unwrap_or_else(locked),
            Failure::Store(error) => error,
        }
    }
}

/// The reply, unless the call found no room.
fn unless_full(reply: Reply) -> Result<Reply, StoreError> {
    if reply.word == Word::Full { Err(StoreError::full(NAME)) } else { Ok(reply) }
}

fn locked() -> StoreError {
    StoreError::not_done(NAME, "another transaction has locked the row")
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
