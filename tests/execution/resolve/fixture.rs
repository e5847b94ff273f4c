//! Stores of keys, and the way in which time passes there.

use std::time::Duration;

use idempotent_runtime::{ManualClock, MemoryStore, SqliteStore, Store};
use idempotent_tests::{Scratch, postgres::Schema, redis::Keys};

pub(super) trait Fixture: Sized + Sync {
    async fn new() -> Self;
    /// The store, as a process of its own has it.
    async fn store(&self) -> impl Store;
    /// Lets time pass for every entry.
    async fn pass(&self, time: Duration);
}

pub(super) struct OnMemory(ManualClock, MemoryStore);

impl Fixture for OnMemory {
    async fn new() -> Self {
        let clock = ManualClock::new();
        OnMemory(clock.clone(), MemoryStore::builder().clock(clock).build())
    }

    async fn store(&self) -> impl Store {
        self.1.clone()
    }

    async fn pass(&self, time: Duration) {
        self.0.advance(time);
    }
}

pub(super) struct OnSqlite(ManualClock, Scratch);

impl Fixture for OnSqlite {
    async fn new() -> Self {
        OnSqlite(ManualClock::new(), Scratch::new())
    }

    async fn store(&self) -> impl Store {
        let builder = SqliteStore::builder_at(self.1.file("keys.db")).unwrap();
        builder.clock(self.0.clone()).build().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        self.0.advance(time);
    }
}

pub(super) struct OnRedis(Keys);

impl Fixture for OnRedis {
    async fn new() -> Self {
        OnRedis(Keys::shared())
    }

    async fn store(&self) -> impl Store {
        self.0.store().await
    }

    async fn pass(&self, time: Duration) {
        self.0.shift(time).await;
    }
}

pub(super) struct OnPostgres(Schema);

impl Fixture for OnPostgres {
    async fn new() -> Self {
        OnPostgres(Schema::new().await)
    }

    async fn store(&self) -> impl Store {
        self.0.store().await
    }

    async fn pass(&self, time: Duration) {
        self.0.shift(time).await;
    }
}
