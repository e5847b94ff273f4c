//! A watched value alone: set, while others join, wait and leave.

use futures_util::FutureExt;
use shuttle::{future, thread};

use super::{by_priorities, randomly};
use crate::{sync::Arc, watch::Watch};

fn nobody_misses_a_change() {
    let watch = Arc::new(Watch::new(0_u32));
    let waiters: Vec<_> = (1..=2)
        .map(|wanted| {
            let watch = Arc::clone(&watch);
            thread::spawn(move || {
                let mut subscriber = watch.join(usize::MAX).unwrap();
                future::block_on(subscriber.until(|value| (*value >= wanted).then_some(*value)))
            })
        })
        .collect();
    let leaver = {
        let watch = Arc::clone(&watch);
        // Looks once, and leaves its waker behind when it goes.
        thread::spawn(move || {
            let mut subscriber = watch.join(usize::MAX).unwrap();
            let looked = async { subscriber.until(|value| (*value == 2).then_some(())).now_or_never() };
            future::block_on(looked);
        })
    };
    watch.update(1);
    watch.update(2);
    leaver.join().unwrap();
    for (waiter, wanted) in waiters.into_iter().zip(1..) {
        assert!(waiter.join().unwrap() >= wanted);
    }
    // Every subscriber has been given back: the first free one is the only one that may be taken.
    assert!(watch.join(1).is_some());
}

#[test]
fn nobody_misses_a_change_of_a_watched_value() {
    randomly(10_000, nobody_misses_a_change);
    by_priorities(10_000, nobody_misses_a_change);
}
