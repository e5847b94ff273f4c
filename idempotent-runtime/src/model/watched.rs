//! A watched value alone: set, while others join, wait and leave.

use futures_util::FutureExt;
use shuttle::{future, thread};

use super::{by_priorities, randomly};
use crate::{sync::Arc, watched::Watched};

fn nobody_misses_a_change() {
    let watched = Arc::new(Watched::new(0_u32));
    let waiters: Vec<_> = (1..=2)
        .map(|wanted| {
            let watched = Arc::clone(&watched);
            thread::spawn(move || {
                let mut seat = watched.join(usize::MAX).unwrap();
                future::block_on(seat.until(|value| (*value >= wanted).then_some(*value)))
            })
        })
        .collect();
    let leaver = {
        let watched = Arc::clone(&watched);
        // Looks once, and leaves its waker behind when it goes.
        thread::spawn(move || {
            let mut seat = watched.join(usize::MAX).unwrap();
            let looked = async { seat.until(|value| (*value == 2).then_some(())).now_or_never() };
            future::block_on(looked);
        })
    };
    watched.update(1);
    watched.update(2);
    leaver.join().unwrap();
    for (waiter, wanted) in waiters.into_iter().zip(1..) {
        assert!(waiter.join().unwrap() >= wanted);
    }
    // Every seat has been given back: the first free one is the only one that may be taken.
    assert!(watched.join(1).is_some());
}

#[test]
fn nobody_misses_a_change_of_a_watched_value() {
    randomly(10_000, nobody_misses_a_change);
    by_priorities(10_000, nobody_misses_a_change);
}
