//! The store that is checked.

use std::{env, fmt, str::FromStr, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{clock::ManualClock, request::Address};

/// Number of random calls that a store is sent, if nothing else is said.
const CALLS: usize = 100_000;
/// Names of the environment's variables that say more than a subject does.
const CALLS_VARIABLE: &str = "SEQUENCE_CALLS";
const SEED_VARIABLE: &str = "SEQUENCE_SEED";
/// Shortest unit of a sequence whose time is moved on. So much does not pass by itself.
const LONG_UNIT: Duration = Duration::from_secs(600);
/// Time by which more passes than is said, where a real clock counts it too: no rounding brings
/// back what is over.
const SLACK: Duration = Duration::from_millis(2);

type Open<S> = Box<dyn Fn() -> BoxFuture<'static, S> + Send + Sync>;
type Shift = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;
type Sweep = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;
type Damage = Box<dyn Fn(Address) -> BoxFuture<'static, ()> + Send + Sync>;

/// A store to check, with a way to open it and a way to let time pass for it.
pub struct Subject<S> {
    open: Open<S>,
    time: Time,
    unit: Duration,
    keys: usize,
    timeout: Duration,
    resolves: bool,
    inspects: bool,
    damage: Option<Damage>,
    sweep: Option<Sweep>,
    calls: usize,
    seed: Option<u64>,
}

enum Time {
    Passes,
    Stands(ManualClock),
    Shifted(Shift),
}

impl<S: 'static> Subject<S> {
    /// A store that counts time by a real clock: the suite sleeps, for some ten
    /// [`unit`](Self::unit)s in all.
    ///
    /// `open` gives a new handle to the same data each time it is called: a clone, or another
    /// connection.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = S> + Send + 'static,
    {
        let open = move || open().boxed();
        Subject {
            open: Box::new(open),
            time: Time::Passes,
            unit: Duration::from_secs(1),
            keys: 32,
            timeout: Duration::from_secs(20),
            resolves: false,
            inspects: false,
            damage: None,
            sweep: None,
            calls: CALLS,
            seed: None,
        }
    }

    /// The clock that the store was opened with. The suite moves it instead of sleeping.
    #[must_use]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.time = Time::Stands(clock);
        self
    }

    /// Sets a function that lets time pass for every entry of the store, by any means the store
    /// has. Time has passed when the function's future is done. The suite calls this instead of
    /// sleeping.
    #[must_use]
    pub fn shift<F>(mut self, shift: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.time = Time::Shifted(Box::new(move |time| shift(time).boxed()));
        self
    }

    /// The length of the leases and retentions that the suite lets end; one second if not set.
    ///
    /// Half of it has to be more time than a few calls to a busy store take.
    #[must_use]
    pub fn unit(mut self, unit: Duration) -> Self {
        self.unit = unit;
        self
    }

    /// Number of keys for which each race is repeated; 32 if not set.
    #[must_use]
    pub fn keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// Time for which the suite waits for something that should happen at once; 20 seconds if not
    /// set. After that it says that it did not happen.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says that the store can end entries by hand. The facts about that are checked too: see
    /// [`Store::resolve`](crate::Store::resolve).
    #[must_use]
    pub fn resolves(mut self) -> Self {
        self.resolves = true;
        self
    }

    /// Says that the store can be looked into. The facts about that are checked too: see
    /// [`Store::inspect`](crate::Store::inspect), [`Store::forget`](crate::Store::forget) and
    /// [`Store::stuck`](crate::Store::stuck).
    #[must_use]
    pub fn inspects(mut self) -> Self {
        self.inspects = true;
        self
    }

    /// Sets a function that makes an entry unreadable by any means there is: with a state that no
    /// release has written, for example. The entry is unreadable when the function's future is
    /// done. The facts about such entries are checked too: see
    /// [`StoreError::Unreadable`](crate::StoreError::Unreadable).
    #[must_use]
    pub fn damage<F>(mut self, damage: impl Fn(Address) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.damage = Some(Box::new(move |address| damage(address).boxed()));
        self
    }

    /// Number of calls that random sequences make at least; 100,000 if not set. The environment's
    /// variable `SEQUENCE_CALLS` says otherwise for a longer search.
    ///
    /// One round of sequences is played where time passes by itself, however few calls that are:
    /// the suite would wait for hours.
    #[must_use]
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Seed from which the random sequences are made; another one each time if not set. What a
    /// store has answered wrongly is reported with its seed. The environment's variable
    /// `SEQUENCE_SEED` says otherwise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets a function that makes the store delete what is forgotten, if it does so now and then.
    /// Random sequences call it between their calls. It is done when the function's future is.
    #[must_use]
    pub fn sweep<F>(mut self, sweep: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.sweep = Some(Box::new(move || sweep().boxed()));
        self
    }

    pub(super) async fn swept(&self) {
        if let Some(sweep) = &self.sweep {
            sweep().await;
        }
    }

    /// # Errors
    /// The environment says something that is no number.
    pub(super) fn call_count(&self) -> Result<usize, String> {
        Ok(said(CALLS_VARIABLE)?.unwrap_or(self.calls))
    }

    /// # Errors
    /// The environment says something that is no number, or the operating system has no random
    /// numbers to give.
    pub(super) fn seed_of_sequences(&self) -> Result<u64, String> {
        match said(SEED_VARIABLE)?.or(self.seed) {
            Some(seed) => Ok(seed),
            None => getrandom::u32().map(u64::from).map_err(|error| error.to_string()),
        }
    }

    /// Length of the shortest time in a sequence.
    pub(super) fn unit_of_sequences(&self) -> Duration {
        match self.time {
            Time::Passes => self.unit,
            Time::Stands(_) | Time::Shifted(_) => self.unit.max(LONG_UNIT),
        }
    }

    /// True where no time passes but what the suite lets pass.
    pub(super) fn stands_still(&self) -> bool {
        matches!(self.time, Time::Stands(_))
    }

    /// Lets time pass between the calls of sequences, so that everything is over that ends then.
    pub(super) async fn pass_in_sequence(&self, time: Duration) {
        let slack = if self.stands_still() { Duration::ZERO } else { SLACK };
        self.pass(time + slack).await;
    }

    pub(super) fn can_damage(&self) -> bool {
        self.damage.is_some()
    }

    pub(super) async fn damaged(&self, address: Address) {
        if let Some(damage) = &self.damage {
            damage(address).await;
        }
    }

    pub(super) fn can_resolve(&self) -> bool {
        self.resolves
    }

    pub(super) fn can_be_inspected(&self) -> bool {
        self.inspects
    }

    pub(super) fn time_of_a_call(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn open(&self) -> S {
        (self.open)().await
    }

    pub(super) fn key_count(&self) -> usize {
        self.keys
    }

    pub(super) fn one_unit(&self) -> Duration {
        self.unit
    }

    /// True where time that passes for one fact ends the leases of another.
    pub(super) fn moves_time_for_all(&self) -> bool {
        !matches!(self.time, Time::Passes)
    }

    pub(super) async fn pass(&self, time: Duration) {
        match &self.time {
            Time::Passes => tokio::time::sleep(time).await,
            Time::Stands(clock) => clock.advance(time),
            Time::Shifted(shift) => shift(time).await,
        }
    }
}

impl<S> fmt::Debug for Subject<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("unit", &self.unit).field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// The number in a variable of the environment, if it is set.
fn said<T: FromStr>(variable: &str) -> Result<Option<T>, String> {
    let text = env::var(variable).ok();
    let number = text.map(|text| text.parse().map_err(|_| format!("{variable} is `{text}`, and no number")));
    number.transpose()
}
