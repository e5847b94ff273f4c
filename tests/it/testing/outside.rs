//! A crate outside of the workspace, `tests/outside/own_endpoint`, tests its endpoint with the kit.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const FILES: [&str; 3] = ["Cargo.toml", "src/lib.rs", "tests/once.rs"];

fn template(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("tests/outside/own_endpoint").join(file)).unwrap()
}

/// Puts the crate where it is nobody's member, with `change` made to its endpoint, and runs its
/// tests.
///
/// No network is needed: its dependencies are some of the workspace's, in the same versions. With
/// the same profile, most of what the workspace has built serves it too.
fn tested(change: impl Fn(String) -> String) -> Output {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("own_endpoint");
    for file in FILES {
        let text = match file {
            "Cargo.toml" => template(file).replace("../../..", ROOT),
            "src/lib.rs" => change(template(file)),
            _ => template(file),
        };
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    fs::copy(Path::new(ROOT).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["test", "--offline", "--test", "once", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .args(["--config", "profile.dev.debug='line-tables-only'"])
        .args(["--config", "profile.dev.package.'*'.debug=false"])
        .output()
        .unwrap()
}

#[test]
fn a_crate_outside_of_the_workspace_tests_its_endpoint_in_five_lines_and_is_told_what_is_wrong() {
    let test = template("tests/once.rs");
    let body = test.split_once("async fn").unwrap().1.lines().skip(1).take_while(|line| *line != "}");
    assert_eq!(body.count(), 5, "{test}");

    let right = tested(|endpoint| endpoint);
    let said = String::from_utf8_lossy(&right.stdout);
    assert!(right.status.success() && said.contains("1 passed"), "{said}{right:?}");

    let unprotected = tested(|endpoint| {
        let is_kept = |line: &&str| !line.contains("idempotent");
        endpoint.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
    });
    let said = String::from_utf8_lossy(&unprotected.stdout);
    assert!(!unprotected.status.success(), "{said}");
    assert!(said.contains("nothing protects it: without a key it is answered 201"), "{said}{unprotected:?}");
}
