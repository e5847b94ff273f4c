//! Settings of an application, checked once.

use std::{borrow::Cow, time::Duration};

use super::{
    assemble::{Local, assemble, handle, shared_memory},
    checks,
    error::BuildError,
    process,
};
use crate::{
    clock::{Clock, SystemClock},
    engine::{
        Idempotency, Settings,
        settings::{default_refusals, in_force},
    },
    request::Credential,
    response::refusal::RefusalSettings,
    store::{MemoryStore, Store, StoreHandle},
    sync::Arc,
};

/// Settings of an [`Idempotency`].
///
/// [`Idempotency::builder`] begins the settings of a new handle, and [`build`](Self::build) ends
/// them. [`Idempotency::with`] lends settings whose `Base` is [`SameStore`](crate::SameStore): they
/// have no method for what the handles share.
#[must_use = "nothing is set up before `build`"]
pub struct IdempotencyBuilder<Base = NewHandle> {
    pub(super) base: Base,
    pub(super) settings: Settings,
    pub(super) refusals: RefusalSettings,
    /// Name of the header, if it is changed.
    pub(super) header_name: Option<String>,
    /// Credentials, if they are changed.
    pub(super) credentials: Option<Vec<Credential>>,
}

/// Base of the settings of a new handle: its store.
#[derive(Default)]
pub struct NewHandle {
    store: Option<Box<dyn FnOnce(Local) -> StoreHandle>>,
    local_cache: Option<u64>,
    clock: Option<Arc<dyn Clock>>,
}

/// The settings of an application that has set nothing.
impl Default for IdempotencyBuilder {
    fn default() -> Self {
        IdempotencyBuilder::of(NewHandle::default(), Settings::default(), default_refusals())
    }
}

impl IdempotencyBuilder {
    /// Sets the store, which keeps claims and records. Default: one [`MemoryStore`] for the whole
    /// process. All handles that name no store share it, and [namespaces](Self::namespace) keep
    /// their keys apart.
    ///
    /// A store is made once and cloned: one that is made in the factory of `HttpServer::new` is
    /// another one in each worker.
    pub fn store(mut self, store: impl Store) -> Self {
        self.base.store = Some(Box::new(|local| {
            process::warn_of_memories(&store);
            handle(store, local)
        }));
        self
    }

    /// Keeps up to this many bytes of completed responses in the process's memory too, before the
    /// store: replaying one of them costs no round trip. Default: none. Each takes up 400 bytes
    /// beside its own, and a claim of this process that runs takes up 400.
    ///
    /// A completed response never changes, so a local replay is always right. An outcome that is
    /// not known is asked for each time, since somebody may [find it out](Idempotency::resolve). No
    /// response is replayed locally after the store would have let it expire. Nothing is kept
    /// before the memory that all handles of the process share, because that memory is as near.
    pub fn local_cache(mut self, bytes: u64) -> Self {
        self.base.local_cache = Some(bytes);
        self
    }

    /// Names application and environment, where they share a store with others. Default: empty.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// Sets the time for which a claim stands without renewal. It is renewed at a third of that.
    /// Default: 30 s.
    ///
    /// A process that dies leaves its keys claimed for as long as this. A handler keeps its claim
    /// however long it takes, even one that blocks its worker.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets the clock, for tests. The local cache reads it, and, where no store is named, a
    /// [`MemoryStore`] of the handle's own. A store that is named has a clock of its own. This
    /// clock also judges the age of a [key](crate::KeyFormat::UuidV7).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.base.clock = Some(Arc::new(clock));
        self
    }

    /// Makes the handle to register with `App::app_data`.
    ///
    /// # Errors
    /// A setting that cannot work; the error names it.
    pub fn build(mut self) -> Result<Idempotency, BuildError> {
        if let Some(clock) = &self.base.clock {
            self.settings.clock = Arc::clone(clock);
        }
        #[cfg(feature = "catalog")]
        crate::catalog::warn_of_shared_routes();
        let (NewHandle { store, local_cache, clock }, settings, refusals) = self.checked()?;
        let local = match local_cache {
            Some(0) => return Err(BuildError::Zero("local_cache")),
            local => local.map(|bytes| (bytes, clock.clone().unwrap_or_else(|| Arc::new(SystemClock)))),
        };
        let (store, flights) = match (store, clock) {
            (Some(store), _) => (store(local), process::flights()),
            (None, Some(clock)) => {
                (handle(MemoryStore::builder().clock(clock).build(), local), process::flights())
            }
            (None, None) => shared_memory(),
        };
        Ok(assemble(store, flights, settings, refusals))
    }
}

impl<Base> IdempotencyBuilder<Base> {
    /// Settings to start from.
    pub(super) fn of(base: Base, settings: Settings, refusals: RefusalSettings) -> Self {
        IdempotencyBuilder { base, settings, refusals, header_name: None, credentials: None }
    }

    /// The settings, if all of them can work.
    pub(super) fn checked(self) -> Result<(Base, Settings, RefusalSettings), BuildError> {
        let IdempotencyBuilder { base, mut settings, mut refusals, header_name, credentials } = self;
        checks::numbers(&settings)?;
        let header = match header_name {
            Some(name) => {
                settings.header_name = checks::header_name(&name)?;
                Cow::Owned(name)
            }
            None => refusals.in_force.header,
        };
        if let Some(named) = credentials {
            settings.credentials = checks::credentials(named)?;
        }
        checks::key_format(settings.key_format)?;
        checks::reused_status(refusals.reused_status)?;
        #[cfg(feature = "catalog")]
        crate::catalog::warn_of_short_max_age(settings.key_format, &settings.defaults);
        refusals.in_force = in_force(header, &settings);
        Ok((base, settings, refusals))
    }
}

impl<Base> std::fmt::Debug for IdempotencyBuilder<Base> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyBuilder")
            .field("namespace", &self.settings.namespace)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHandle").field("local_cache", &self.local_cache).finish_non_exhaustive()
    }
}
