//! A store that fails, delays and forgets on command.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::future::select;
use tokio::{sync::watch, time::sleep};

use crate::{
    request::{Address, RequestFingerprint},
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, MemoryStore, Record,
        Renewal, Resolve, ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, verbs::verbs,
    },
};

/// Behaviour of an [`UnreliableStore`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It works.
    #[default]
    Works,
    /// Every call fails, and nothing is done.
    Fails,
    /// Every call takes that much longer.
    Delays(Duration),
    /// No call does anything until it behaves otherwise; then those that are still wanted go on.
    Hangs,
}

/// A store that behaves as it is told, at any time. Clones are the same store.
///
/// ```
/// use actix_web::{App, HttpResponse, Responder, post};
/// use idempotent_runtime::{Idempotency, idempotent, testing::{Behaviour, UnreliableStore, serve}};
///
/// #[post("/orders")]
/// #[idempotent]
/// async fn create_order() -> impl Responder {
///     HttpResponse::Created()
/// }
///
/// # actix_web::rt::System::new().block_on(async {
/// let store = UnreliableStore::default();
/// let idempotency = Idempotency::builder().store(store.clone()).build()?;
/// let server = serve(move || App::new().app_data(idempotency.clone()).service(create_order));
/// store.behave(Behaviour::Fails);
/// let refused = server.post("/orders").send(Some("a-key")).await?;
/// assert_eq!(refused.code().as_deref(), Some("store_unavailable"));
/// store.behave(Behaviour::Works);
/// assert_eq!(server.post("/orders").send(Some("a-key")).await?.status, 201);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// It has no transactions, whatever store is behind it.
pub struct UnreliableStore<S = MemoryStore>(Arc<Shared<S>>);

struct Shared<S> {
    make: Box<dyn Fn() -> S + Send + Sync>,
    inner: watch::Sender<Arc<S>>,
    behaviour: watch::Sender<Behaviour>,
}

impl Default for UnreliableStore {
    /// Keys in memory.
    fn default() -> Self {
        UnreliableStore::new(MemoryStore::new)
    }
}

impl<S: Store> UnreliableStore<S> {
    /// A store that keeps keys where `make` says, which makes an empty store each time:
    /// `|| MemoryStore::builder().clock(clock.clone()).build()`.
    pub fn new(make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        let inner = watch::Sender::new(Arc::new(make()));
        UnreliableStore(Arc::new(Shared { make: Box::new(make), inner, behaviour: watch::Sender::default() }))
    }

    /// Sets its behaviour from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.0.behaviour.send_replace(behaviour);
    }

    /// Forgets all keys at once, those of running executions too, as a server does that is
    /// restarted without its data.
    pub fn forget(&self) {
        self.0.inner.send_replace(Arc::new((self.0.make)()));
    }

    /// The store behind it, when it is ready for a call.
    async fn ready(&self) -> Result<Arc<S>, StoreError> {
        let mut behaviour = self.0.behaviour.subscribe();
        let is_over = |behaviour: &Behaviour| *behaviour != Behaviour::Hangs;
        // The sender is this store's, and lives.
        let behaviour = behaviour.wait_for(is_over).await.map_or(Behaviour::Works, |behaviour| *behaviour);
        match behaviour {
            Behaviour::Fails => return Err(StoreError::unavailable(self.name(), "it was told to fail")),
            Behaviour::Delays(by) => sleep(by).await,
            Behaviour::Works | Behaviour::Hangs => {}
        }
        Ok(self.inner())
    }

    fn inner(&self) -> Arc<S> {
        Arc::clone(&self.0.inner.borrow())
    }
}

impl<S> Clone for UnreliableStore<S> {
    fn clone(&self) -> Self {
        UnreliableStore(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for UnreliableStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnreliableStore").field(&*self.0.behaviour.borrow()).finish()
    }
}

macro_rules! when_ready {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl<S: Store> Store for UnreliableStore<S> {
            fn name(&self) -> &'static str {
                "unreliable"
            }

            fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
                let works = *self.0.behaviour.borrow() == Behaviour::Works;
                self.inner().recall(address, fingerprint).filter(|_| works)
            }

            async fn changed(&self, address: Address) {
                let mut forgets = self.0.inner.subscribe();
                let inner = self.inner();
                select(pin!(inner.changed(address)), pin!(forgets.changed())).await;
            }

            $(async fn $verb(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.ready().await?.$verb($($argument),*).await
            })*
        }
    };
}

verbs!(when_ready);
