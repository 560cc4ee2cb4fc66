//! Finds the workspace's binaries, and has Cargo bring them up to date first: a stale one would be tested in silence.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::lambda_runtime::binary;

static FRESH: LazyLock<()> = LazyLock::new(bring_up_to_date);

/// A binary of the workspace, built from the sources as they are now.
pub fn built(name: &str) -> PathBuf {
    LazyLock::force(&FRESH);
    binary(name)
}

/// Builds once per test run; outside of Cargo, in an unpacked archive of tests, the binaries are what they are.
fn bring_up_to_date() {
    let Some(cargo) = std::env::var_os("CARGO") else { return };
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    let lock = File::options().create(true).append(true).open(folder.join(".process-tests.lock"));
    let lock = lock.expect("the target folder can be written");
    lock.lock().expect("the target folder supports locks");
    // nextest starts a process per test; the first one of a run builds for all.
    let run = std::env::var("NEXTEST_RUN_ID").ok();
    let marker = folder.join(".process-tests.run");
    if run.is_some() && std::fs::read_to_string(&marker).ok() == run {
        return;
    }
    build(&cargo, folder);
    std::fs::write(marker, run.unwrap_or_default()).expect("the target folder can be written");
}

fn build(cargo: &std::ffi::OsStr, folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // Whatever target folder the tests were built into, the binaries belong beside them.
    let target = folder.parent().expect("target/debug");
    let mut command = Command::new(cargo);
    // All targets, as the tests are built: the binaries alone select fewer features, and would build half of the
    // dependencies a second time.
    command.args(["build", "--quiet", "--workspace", "--all-targets", "--profile", profile]);
    command.arg("--target-dir").arg(target);
    // What Cargo says of this package to its tests would be news to the build, which would begin anew.
    for (name, _) in std::env::vars_os() {
        let of_this_package = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|own| name.starts_with(own))
        });
        if of_this_package {
            command.env_remove(name);
        }
    }
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.expect("cargo starts").success(), "the binaries do not build");
}
