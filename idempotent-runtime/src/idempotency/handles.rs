//! Executions under all handles of the process, which a shutdown drains together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Executions;

/// Handles that have not been dropped.
struct Handles {
    executions: Vec<Weak<Executions>>,
    /// Number of shutdowns under way.
    draining: usize,
}

static HANDLES: Mutex<Handles> = Mutex::new(Handles { executions: Vec::new(), draining: 0 });

fn handles() -> MutexGuard<'static, Handles> {
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Executions of one more handle. One that is made in a shutdown takes no new keys.
pub(super) fn executions() -> Arc<Executions> {
    let executions = Arc::new(Executions::default());
    let mut handles = handles();
    handles.executions.retain(|handle| handle.strong_count() > 0);
    handles.executions.push(Arc::downgrade(&executions));
    if handles.draining > 0 {
        executions.drain();
    }
    executions
}

/// A shutdown under way.
pub(super) struct Shutdown(Vec<Arc<Executions>>);

impl Shutdown {
    /// Begins a shutdown: from now on no handle takes new keys. This holds for handles that are
    /// made before the shutdown ends, too.
    pub(super) fn begin() -> Shutdown {
        let mut handles = handles();
        handles.draining += 1;
        let all: Vec<_> = handles.executions.iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|executions| executions.drain());
        Shutdown(all)
    }

    /// Executions under each handle.
    pub(super) fn executions(&self) -> &[Arc<Executions>] {
        &self.0
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        handles().draining -= 1;
    }
}
