//! Looks for changes that were not notified.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use super::notify::Notifier;
use crate::request::Address;

/// Pauses between two looks at an address while nobody listens: the first, and the longest.
const POLL: (Duration, Duration) = (Duration::from_millis(8), Duration::from_millis(512));
/// Pauses between looks while notifications come: a connection can be dead without either end
/// knowing.
const SAFETY: Duration = Duration::from_secs(5);
/// Number of addresses that are looked at at a time.
const AT_ONCE: usize = 512;

/// Time that a new store waits for its notifications to come.
const FIRST: Duration = Duration::from_secs(1);

/// Waits until notifications come. When they begin they wake all waiters, and a new store has none
/// to be woken for nothing. The wait is short, since all works without notifications too.
pub(super) async fn heard(mut up: watch::Receiver<bool>) {
    let _ = timeout(FIRST, up.wait_for(|up| *up)).await;
}

/// Task that looks for changes.
pub(super) struct Poller {
    pub(super) notifier: Notifier,
    /// Wakes the task when a caller begins to wait.
    pub(super) came: Arc<Notify>,
    /// Number of looks so far.
    pub(super) looks: Arc<AtomicU64>,
}

impl Poller {
    /// Looks at the addresses that are listened for, for as long as this is polled. While
    /// notifications come it looks every few seconds. Else it looks at each address at a growing
    /// pace, from the time when the address is first listened for.
    ///
    /// `look` says whether an address is still claimed, if that can be known now.
    pub(super) async fn poll<F>(self, mut up: watch::Receiver<bool>, look: impl Fn(Address) -> F)
    where
        F: Future<Output = Option<bool>>,
    {
        let mut schedule = Schedule::begin();
        loop {
            if *up.borrow_and_update() {
                schedule = Schedule::begin();
                // Ends early where notifications are lost.
                let _ = timeout(SAFETY, up.changed()).await;
                self.look_at(&self.notifier.listened(), &look).await;
            } else {
                let due = schedule.due(&self.notifier.listened(), Instant::now());
                self.look_at(&due, &look).await;
                self.pause(&schedule, &mut up).await;
            }
        }
    }

    async fn look_at<F>(&self, addresses: &[Address], look: impl Fn(Address) -> F)
    where
        F: Future<Output = Option<bool>>,
    {
        for addresses in addresses.chunks(AT_ONCE) {
            self.looks.fetch_add(addresses.len() as u64, Ordering::Relaxed);
            let claimed = join_all(addresses.iter().map(|&address| look(address))).await;
            let ended = addresses.iter().zip(claimed).filter(|(_, claimed)| *claimed == Some(false));
            ended.for_each(|(&address, _)| self.notifier.notify(address));
        }
    }

    /// Waits until an address is due, a waiter comes, or notifications come.
    async fn pause(&self, schedule: &Schedule, up: &mut watch::Receiver<bool>) {
        let due = async {
            match schedule.next() {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        let is_up = async {
            // The subscription's task may have ended, or there are no notifications at all.
            if up.wait_for(|up| *up).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = due => {}
            () = is_up => {}
            // The looks come at a bounded rate, whatever number of waiters comes.
            () = self.came.notified() => sleep_until(schedule.turn(POLL.0, Instant::now()).at).await,
        }
    }
}

/// Times of the next looks.
///
/// The pauses at an address double, and each look is at a multiple of its pause since the
/// beginning. So looks at many addresses fall together, and share statements.
struct Schedule {
    began: Instant,
    turns: HashMap<Address, Turn>,
}

#[derive(Clone, Copy)]
struct Turn {
    pause: Duration,
    at: Instant,
}

impl Schedule {
    fn begin() -> Self {
        Schedule { began: Instant::now(), turns: HashMap::new() }
    }

    /// The addresses of `listened` that are due. Addresses that are not in `listened` are looked at
    /// no more.
    fn due(&mut self, listened: &[Address], now: Instant) -> Vec<Address> {
        let before = std::mem::take(&mut self.turns);
        let mut due = Vec::new();
        for address in listened {
            let turn = match before.get(address) {
                None => self.turn(POLL.0, now),
                Some(turn) if now < turn.at => *turn,
                Some(turn) => {
                    due.push(*address);
                    self.turn((2 * turn.pause).min(POLL.1), now)
                }
            };
            self.turns.insert(*address, turn);
        }
        due
    }

    /// The next turn at a multiple of `pause`.
    fn turn(&self, pause: Duration, now: Instant) -> Turn {
        let passed = (now - self.began).as_nanos() / pause.as_nanos();
        let pauses = u32::try_from(passed + 1).unwrap_or(u32::MAX);
        Turn { pause, at: self.began + pause * pauses }
    }

    fn next(&self) -> Option<Instant> {
        self.turns.values().map(|turn| turn.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(byte: u8) -> Address {
        Address::from_bytes([byte; 32])
    }

    /// Times of the looks at an address that is listened for from `from` on, in milliseconds from
    /// the beginning.
    fn looks(schedule: &mut Schedule, byte: u8, from: u64, until: u64) -> Vec<u64> {
        let at = |millis| schedule.began + Duration::from_millis(millis);
        let times: Vec<_> = (from..until).map(|millis| (millis, at(millis))).collect();
        let is_due = |(millis, now)| (!schedule.due(&[address(byte)], now).is_empty()).then_some(millis);
        times.into_iter().filter_map(is_due).collect()
    }

    #[test]
    fn looks_at_an_address_begin_short_and_come_to_half_a_second() {
        let looks = looks(&mut Schedule::begin(), 1, 3, 3_000);
        assert_eq!(looks, [8, 16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 2560]);
    }

    #[test]
    fn looks_at_addresses_that_have_come_one_by_one_fall_together() {
        let mut schedule = Schedule::begin();
        let now = |millis| Duration::from_millis(millis);
        let began = schedule.began;
        let (mut listened, mut shared) = (Vec::new(), 0);
        for millis in 0..4_000 {
            if millis % 37 == 0 && listened.len() < 20 {
                listened.push(address(u8::try_from(listened.len()).unwrap()));
            }
            let due = schedule.due(&listened, began + now(millis));
            shared += usize::from(millis > 2_000 && !due.is_empty());
        }
        assert_eq!(shared, 4, "one moment in each half second");
    }
}
