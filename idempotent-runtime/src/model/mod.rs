//! Model checking: every test runs a small world under `shuttle`, in many schedules of its tasks.
//!
//! A world has one memory store, one key and one or two processes, each with a flight table. Its
//! requests do what `run` does, without HTTP and without tokio's timers: time passes when a task of
//! its own says so.

mod request;
mod watch;
mod world;

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

use self::world::{Act, Answer, Time, World};
use crate::{reason::RefusalCode, store::OnAbandoned};

fn config() -> Config {
    let mut config = Config::new();
    // Frames are large in a debug build.
    config.stack_size = 0x2_0000;
    config.silence_warnings = true;
    config
}

fn check(scheduler: impl Scheduler + 'static, schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    let ran = Runner::new(scheduler, config()).run(model);
    assert_eq!(ran, schedules);
}

fn randomly(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    check(RandomScheduler::new(schedules), schedules, model);
}

/// Few, but well-chosen changes of the running task (probabilistic concurrency testing).
fn by_priorities(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    check(PctScheduler::new(4, schedules), schedules, model);
}

fn count(answers: &[Answer], of: impl Fn(&Answer) -> bool) -> usize {
    answers.iter().filter(|answer| of(answer)).count()
}

fn one_runs_and_the_others_replay() {
    let world = World::new(OnAbandoned::Refuse, 1, &[]);
    let answers = world.run(4, Time::Still);
    assert_eq!(world.effects(), 1);
    assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
    assert_eq!(count(&answers, |answer| matches!(answer, Answer::Replay(_))), 3);
}

#[test]
fn one_request_runs_and_the_others_replay() {
    randomly(20_000, one_runs_and_the_others_replay);
    by_priorities(10_000, one_runs_and_the_others_replay);
}

fn a_released_key_is_run_by_another() {
    let world = World::new(OnAbandoned::Refuse, 1, &[Act::Release, Act::Release]);
    let answers = world.run(4, Time::Still);
    assert_eq!(world.effects(), 1);
    assert_eq!(count(&answers, |answer| *answer == Answer::Released), 2);
    assert_eq!(count(&answers, |answer| matches!(answer, Answer::Replay(_))), 1);
}

#[test]
fn a_request_that_releases_its_key_leaves_it_to_another() {
    randomly(15_000, a_released_key_is_run_by_another);
    by_priorities(5_000, a_released_key_is_run_by_another);
}

#[test]
fn a_request_that_dies_is_not_run_again_under_refuse() {
    for died in [Act::Drop, Act::Panic] {
        randomly(8_000, move || {
            let world = World::new(OnAbandoned::Refuse, 1, &[died]);
            let answers = world.run(3, Time::Passes);
            assert_eq!(world.effects(), 1);
            assert_eq!(count(&answers, |answer| *answer == Answer::Died), 1);
            assert_eq!(count(&answers, |answer| *answer == Answer::Refused(RefusalCode::OutcomeUnknown)), 2);
        });
    }
}

#[test]
fn a_request_that_dies_is_run_once_more_under_rerun() {
    for died in [Act::Drop, Act::Panic] {
        randomly(8_000, move || {
            let world = World::new(OnAbandoned::Rerun, 2, &[died]);
            let answers = world.run(3, Time::Passes);
            assert_eq!(count(&answers, |answer| *answer == Answer::Died), 1);
            assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
        });
    }
}

#[test]
fn two_processes_run_a_key_once() {
    randomly(10_000, || {
        let world = World::new(OnAbandoned::Refuse, 2, &[]);
        let answers = world.run(4, Time::Still);
        assert_eq!(world.effects(), 1);
        assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
        assert_eq!(count(&answers, |answer| matches!(answer, Answer::Replay(_))), 3);
    });
}

#[test]
fn a_lease_lost_under_rerun_leaves_one_record() {
    randomly(15_000, || {
        let world = World::new(OnAbandoned::Rerun, 2, &[]);
        let answers = world.run(4, Time::Passes);
        assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
        assert_eq!(count(&answers, |answer| matches!(answer, Answer::Refused(_))), 0);
    });
}

#[test]
fn a_lease_lost_under_refuse_is_one_outcome_for_all() {
    randomly(15_000, || {
        let world = World::new(OnAbandoned::Refuse, 2, &[]);
        let answers = world.run(4, Time::Passes);
        let stored = count(&answers, |answer| matches!(answer, Answer::Stored(_)));
        let fenced = count(&answers, |answer| matches!(answer, Answer::Fenced(_)));
        let shared = count(&answers, |answer| matches!(answer, Answer::Shared(_)));
        let refused = count(&answers, |answer| *answer == Answer::Refused(RefusalCode::OutcomeUnknown));
        // Who loses the claim before it has begun does not begin.
        assert_eq!(world.effects(), stored + fenced);
        assert_eq!(shared + refused, if stored == 1 { 0 } else { 4 - fenced });
        assert!(shared == 0 || fenced == 1);
    });
}

#[test]
fn a_claim_whose_answer_waits_is_kept_and_an_execution_that_ends_is_not_taken_for_lost() {
    for on_abandoned in [OnAbandoned::Refuse, OnAbandoned::Rerun] {
        randomly(4_000, move || {
            let world = World::new(on_abandoned, 2, &[Act::Release]);
            let answers = world.run(4, Time::Kept);
            assert_eq!(world.effects(), 1);
            assert_eq!(count(&answers, |answer| *answer == Answer::Released), 1);
            assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
            assert_eq!(count(&answers, |answer| matches!(answer, Answer::Replay(_))), 2);
        });
    }
}

fn who_waits_is_given_what_no_store_has() {
    let world = World::new(OnAbandoned::Refuse, 1, &[Act::Flush]);
    let answers = world.run(4, Time::Still);
    // Who comes later finds nothing, and runs.
    let stored = count(&answers, |answer| matches!(answer, Answer::Stored(_)));
    assert_eq!(world.effects(), 1 + stored);
    assert_eq!(count(&answers, |answer| *answer == Answer::Fenced(None)), 1);
    let waited = count(&answers, |answer| matches!(answer, Answer::Shared(_) | Answer::Replay(_)));
    assert_eq!(waited + stored, 3);
    assert_eq!(world.asked_anew(), 0);
}

#[test]
fn who_waits_for_an_execution_whose_entry_is_gone_is_given_its_response() {
    randomly(8_000, who_waits_is_given_what_no_store_has);
    by_priorities(3_000, who_waits_is_given_what_no_store_has);
}

fn followers_come_and_go() {
    let world = World::new(OnAbandoned::Refuse, 1, &[]);
    let answers = world.run_with_leavers(2, 3);
    assert_eq!(world.effects(), 1);
    assert_eq!(count(&answers, |answer| matches!(answer, Answer::Stored(_))), 1);
    assert_eq!(world.waiters(), 0);
}

#[test]
fn followers_that_leave_give_their_places_back() {
    randomly(10_000, followers_come_and_go);
    by_priorities(5_000, followers_come_and_go);
}
