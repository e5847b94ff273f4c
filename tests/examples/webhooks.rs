//! `webhooks`, by the lines that it prints.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command},
};

use idempotent_tests::program::command;

/// The program, and the lines that it says are to be tried; killed when dropped.
struct Webhooks {
    child: Child,
    lines: Vec<String>,
    /// A program whose output nobody takes ends.
    _stdout: BufReader<ChildStdout>,
}

impl Webhooks {
    fn start() -> Webhooks {
        let mut child = command("webhooks").env("PORT", "0").spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let told = stdout.by_ref().lines().map_while(Result::ok).filter(|line| line.starts_with("curl "));
        let mut lines = Vec::new();
        for line in told {
            let is_last = line.ends_with("/events");
            lines.push(line);
            if is_last {
                break;
            }
        }
        Webhooks { child, lines, _stdout: stdout }
    }

    /// Answer that curl gets to one of the lines.
    fn told(&self, line: usize) -> String {
        // `--json` is newer than some curls.
        let line = self.lines[line].replace("--json", "-H 'Content-Type: application/json' -d");
        let output = Command::new("sh").args(["-c", &format!("{line} -sS")]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap().to_lowercase()
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_line_that_is_printed_does_what_is_said_of_it() {
    let webhooks = Webhooks::start();
    let [push, paid, again, late, forged, events] = [0, 1, 2, 3, 4, 5];
    for (line, is_replay) in [(push, false), (push, true), (paid, false), (again, true), (paid, true)] {
        let told = webhooks.told(line);
        assert!(told.starts_with("http/1.1 204"), "{told}");
        assert_eq!(told.contains("idempotent-replayed: true"), is_replay, "{told}");
    }
    for line in [late, forged] {
        let told = webhooks.told(line);
        assert!(told.starts_with("http/1.1 400"), "{told}");
    }
    let told = webhooks.told(events);
    assert_eq!(told.matches("push of").count() + told.matches("charge.succeeded").count(), 2, "{told}");
}
