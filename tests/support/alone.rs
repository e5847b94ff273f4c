//! Tests that need a process to themselves.

use std::{
    env,
    process::{Command, Output},
};

/// In the environment of a test that has a process to itself: the test's name.
const ALONE: &str = "IDEMPOTENT_TEST_ALONE";

/// Runs the test of this name, its modules included, in a process of its own. Gives what it wrote
/// to its standard output; `None` in that process itself.
pub fn alone(test: &str) -> Option<String> {
    if env::var_os(ALONE).is_some_and(|running| running == test) {
        return None;
    }
    let own = env::current_exe().unwrap();
    let run = Command::new(own).args(["--exact", test, "--nocapture"]).env(ALONE, test).output();
    let Output { status, stdout, stderr } = run.unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(status.success(), "{stdout}{stderr}");
    Some(stdout)
}
