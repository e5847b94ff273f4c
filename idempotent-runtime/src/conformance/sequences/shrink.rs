//! Makes a sequence smaller that a store answers wrongly, as long as it is answered wrongly.

use super::call::Step;

/// A smaller sequence, if `is_wrong` still finds a wrong answer to it, and the place of that.
pub(super) trait Wrong {
    /// Place of the first wrong answer to `steps`.
    async fn place_in(&mut self, steps: &[Step]) -> Option<usize>;
}

/// Makes `steps` smaller: drops steps, many at once and then one by one, and after that shortens
/// times.
pub(super) async fn shrink(mut steps: Vec<Step>, wrong: &mut impl Wrong) -> Vec<Step> {
    let mut chunk = steps.len() / 2;
    while chunk > 0 {
        let before = steps.len();
        drop_chunks(&mut steps, chunk, wrong).await;
        chunk = if chunk == 1 && steps.len() < before { 1 } else { chunk / 2 };
    }
    shorten(&mut steps, wrong).await;
    steps
}

/// Drops each `chunk` of steps without which the answer is still wrong.
async fn drop_chunks(steps: &mut Vec<Step>, chunk: usize, wrong: &mut impl Wrong) {
    // From behind: what comes late depends on what comes early.
    let mut end = steps.len();
    while end > 0 {
        let start = end.saturating_sub(chunk);
        let mut fewer = steps.clone();
        fewer.drain(start..end);
        try_instead(steps, fewer, wrong).await;
        end = start.min(steps.len());
    }
}

/// Puts the least that still goes wrong in the place of every time.
async fn shorten(steps: &mut Vec<Step>, wrong: &mut impl Wrong) {
    let times: usize = steps.iter_mut().map(|step| step.times().len()).sum();
    for number in 0..times {
        let range = time(steps, number).map(|(time, least)| least..*time);
        for shorter in range.into_iter().flatten() {
            let mut candidate = steps.clone();
            time(&mut candidate, number).into_iter().for_each(|(time, _)| *time = shorter);
            if try_instead(steps, candidate, wrong).await {
                break;
            }
        }
    }
}

/// The time with this number.
fn time(steps: &mut [Step], number: usize) -> Option<(&mut u32, u32)> {
    steps.iter_mut().flat_map(Step::times).nth(number)
}

/// Takes `candidate`, up to the wrong answer, if there is one.
async fn try_instead(steps: &mut Vec<Step>, mut candidate: Vec<Step>, wrong: &mut impl Wrong) -> bool {
    match wrong.place_in(&candidate).await {
        Some(place) => {
            candidate.truncate(place + 1);
            *steps = candidate;
            true
        }
        None => false,
    }
}
