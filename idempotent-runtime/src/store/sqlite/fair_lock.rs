//! A lock that processes get in the order in which they came: the line of those that want to write.
//!
//! SQLite's write lock has no queue. A process that asks between two transactions gets it. A busy
//! process asks again within microseconds. Others ask every millisecond, and would ask in vain for
//! as long as it is busy. So a process that finds the file locked stands in line: it waits for a
//! lock on a file beside the database, which the system grants in order. A busy process that sees
//! another one stand there joins the line too, once its turn has lasted long enough.
//!
//! The line only makes the turns fair. SQLite alone keeps transactions apart. So a process goes
//! ahead out of turn where there can be no such file, or where the first in line stands still.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// Time for which a process may write past those in line. It is so short that they hardly wait
/// longer. It is so long that, where transactions are quick, changing from one process to the next
/// does not take up most of the time.
const TURN: Duration = Duration::from_millis(10);
/// Time for which a process stands in line.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// The lock, as this process sees it.
#[derive(Debug, Default)]
pub(super) struct FairLock {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Thread that stands in line. It cannot be called back, so there is never a second one.
    in_line: Option<JoinHandle<()>>,
    /// Beginning of this process's last turn.
    began: Option<Instant>,
}

/// The first place in line, until this is dropped.
#[derive(Debug)]
pub(super) struct FairLockGuard {
    _locked: File,
}

impl FairLock {
    /// The lock on `file`, which is created when a process has to wait. Without a file
    /// nobody waits for anybody.
    pub(super) fn by(file: Option<PathBuf>) -> Self {
        FairLock { file, state: Mutex::default() }
    }

    /// True where others stand in line, and this process has had its turn.
    pub(super) fn is_to_be_joined(&self) -> bool {
        let began = self.state().began;
        began.is_none_or(|began| began.elapsed() >= TURN)
            && self.file.as_deref().is_some_and(somebody_stands_in_line)
    }

    /// Stands in line. Gives the first place, or `None` where it takes too long or cannot be had.
    pub(super) async fn stand(&self) -> Option<FairLockGuard> {
        let first = self.join()?;
        timeout(QUEUE_TIMEOUT, first).await.ok()?.ok()
    }

    /// Begins this process's turn, and lets the next in line be the first.
    pub(super) fn leave(&self, first: FairLockGuard) {
        self.state().began = Some(Instant::now());
        drop(first);
    }

    fn join(&self) -> Option<oneshot::Receiver<FairLockGuard>> {
        let (file, mut state) = (self.file.clone()?, self.state());
        if state.in_line.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return None;
        }
        let (give, first) = oneshot::channel();
        // If the caller has gone meanwhile, the place is given up as soon as it is reached.
        let wait = move || drop(lock(&file).map(|first| give.send(first)));
        state.in_line = thread::Builder::new().name("sqlite-line".to_owned()).spawn(wait).ok();
        Some(first)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn somebody_stands_in_line(file: &Path) -> bool {
    File::open(file).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock(file: &Path) -> io::Result<FairLockGuard> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(file)?;
    file.lock().map(|()| FairLockGuard { _locked: file })
}
