//! The line of the processes that want to write.
//!
//! SQLite's write lock has no queue. Whoever asks between two transactions gets it, and a busy
//! process asks again within microseconds; others, who ask every millisecond, would ask in vain for
//! as long as it is busy. So whoever finds the file locked stands in line: it waits for a lock on a
//! file beside the database, which the system grants in order. A busy process that sees somebody
//! stand there joins the line too, once its turn has lasted long enough.
//!
//! This is a courtesy and no more. SQLite alone keeps transactions apart, so a process goes ahead
//! out of turn where there can be no such file, or where whoever is first in line stands still.

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

/// How long a process may write past those who stand in line: so little that they hardly wait
/// longer, and so much that going from one process to the next does not take up most of the time
/// where transactions are quick.
const TURN: Duration = Duration::from_millis(10);
/// How long a process stands in line.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where this process stands.
#[derive(Debug, Default)]
pub(super) struct Line {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Stands in line, and cannot be called back: there is never a second one.
    in_line: Option<JoinHandle<()>>,
    /// When this process's last turn began.
    began: Option<Instant>,
}

/// The first place in line, until this is dropped.
#[derive(Debug)]
pub(super) struct First {
    _locked: File,
}

impl Line {
    /// A line by a lock on `file`, which is created when somebody has to wait; without one, nobody
    /// waits for anybody.
    pub(super) fn by(file: Option<PathBuf>) -> Self {
        Line { file, state: Mutex::default() }
    }

    /// Whether others stand in line, and this process has had its turn.
    pub(super) fn is_to_be_joined(&self) -> bool {
        let began = self.state().began;
        began.is_none_or(|began| began.elapsed() >= TURN)
            && self.file.as_deref().is_some_and(somebody_stands_in_line)
    }

    /// Stands in line. Gives the first place, or `None` where it takes too long or cannot be had.
    pub(super) async fn stand(&self) -> Option<First> {
        let first = self.join()?;
        timeout(PATIENCE, first).await.ok()?.ok()
    }

    /// Begins this process's turn, and lets the next in line be the first.
    pub(super) fn leave(&self, first: First) {
        self.state().began = Some(Instant::now());
        drop(first);
    }

    fn join(&self) -> Option<oneshot::Receiver<First>> {
        let (file, mut state) = (self.file.clone()?, self.state());
        if state.in_line.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return None;
        }
        let (give, first) = oneshot::channel();
        // Where nobody waits for it any more, the place is given up as soon as it is reached.
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

fn lock(file: &Path) -> io::Result<First> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(file)?;
    file.lock().map(|()| First { _locked: file })
}
