//! `timer`, which two nodes run.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
    time::UNIX_EPOCH,
};

use idempotent_tests::{Scratch, program::command};

/// Number of runs of each node, a second apart.
const RUNS: usize = 3;

fn node(store: &str, first: u64) -> Child {
    let (first, runs) = (first.to_string(), RUNS.to_string());
    let settings = [("STORE", store), ("PERIOD_SECONDS", "1"), ("FIRST", &first), ("RUNS", &runs)];
    command("timer").envs(settings).spawn().unwrap()
}

#[test]
fn of_two_nodes_one_runs_each_second_and_the_other_has_its_report() {
    let scratch = Scratch::new();
    let store = format!("sqlite:{}", scratch.file("keys.db").display());
    let mut runs = BTreeMap::<_, Vec<_>>::new();
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    for mut node in [node(&store, now + 1), node(&store, now + 1)] {
        let mut told = String::new();
        node.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(node.wait().unwrap().success(), "{told}");
        let lines: Vec<_> = told.lines().filter_map(|line| line.split_once(": ")).collect();
        assert_eq!(lines.len(), RUNS, "{told}");
        for (scheduled, line) in lines {
            let (place, report) = line.split_once(": ").unwrap();
            runs.entry(scheduled.to_owned()).or_default().push((place.to_owned(), report.to_owned()));
        }
    }
    assert_eq!(runs.len(), RUNS);
    for (scheduled, told) in runs {
        let here = told.iter().filter(|(place, _)| place == "ran here").count();
        assert_eq!((here, told.len()), (1, 2), "{scheduled}: {told:?}");
        assert!(told.iter().all(|(_, report)| *report == told[0].1), "{scheduled}: {told:?}");
    }
}

#[test]
fn a_job_that_fails_is_tried_again_and_one_that_is_a_day_late_is_skipped() {
    const DAY: u64 = 24 * 3600;
    let scratch = Scratch::new();
    let (store, reports) = (format!("sqlite:{}", scratch.file("keys.db").display()), scratch.file("reports"));
    let too_late = UNIX_EPOCH.elapsed().unwrap().as_secs() - DAY;
    let (first, period) = (too_late.to_string(), DAY.to_string());
    let mut timer = command("timer");
    timer.envs([("STORE", &*store), ("FIRST", &first), ("PERIOD_SECONDS", &period), ("RUNS", "2")]);
    let mut timer = timer.env("REPORTS", &reports).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(timer.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(errors.next().unwrap().starts_with(&format!("{first}: skipped")));
    let next = too_late + DAY;
    let failed = errors.next().unwrap();
    assert!(failed.starts_with(&format!("{next}: failed")), "{failed}");
    std::fs::create_dir(&reports).unwrap();
    let mut told = String::new();
    timer.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(timer.wait().unwrap().success());
    assert!(told.contains(&format!("{next}: ran here: report of {next}")), "{told}");
    assert!(reports.join(next.to_string()).exists());
}
