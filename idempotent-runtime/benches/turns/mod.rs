//! Two kinds of work that take turns, so that what disturbs the machine disturbs both.

use crate::{
    calls::rate,
    measured::{median, setting},
};

/// Prints the rates of both, and how the first compares with the second.
pub(crate) async fn compare<A, B>(
    what: &str,
    in_flight: usize,
    ours: impl Fn() -> A + Clone + Send + Sync + 'static,
    floor: impl Fn() -> B + Clone + Send + Sync + 'static,
) where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..setting("BENCH_ROUNDS", 5) {
        floors.push(rate(in_flight, floor.clone()).await);
        rates.push(rate(in_flight, ours.clone()).await);
    }
    let (rate, floor) = (median(rates), median(floors));
    println!(
        "{what:<42} {in_flight:>3} in flight: {rate:>8.0} /s against {floor:>8.0} /s: {:.2}",
        rate / floor
    );
}
