//! Runs tests against meshes, and says how many passed, failed and were skipped.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow};

#[cfg(target_os = "linux")]
use crate::mesh::{Mesh, logs};
use crate::{enter, recipe, say};

/// A test that is handed a mesh of its own.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// What is shown and filtered by.
    pub name: &'static str,
    /// What is done.
    #[cfg(target_os = "linux")]
    pub run: fn(&Mesh) -> Result<()>,
}

/// Set to `1`, it makes a machine that lacks something a failure, as `--require-mesh` does.
const REQUIRE: &str = "REQUIRE_MESH";

/// `main` of a test target with `harness = false`.
#[must_use]
pub fn main(tests: &[Test]) -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let required = args.iter().any(|a| a == "--require-mesh")
        || env::var_os(REQUIRE).is_some_and(|v| v == "1");
    let exact = args.iter().any(|a| a == "--exact");
    let filters: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|f| {
                if exact {
                    name == f.as_str()
                } else {
                    name.contains(f.as_str())
                }
            })
    };
    let chosen: Vec<&Test> = tests.iter().filter(|t| wanted(t.name)).collect();
    if args.iter().any(|a| a == "--list") {
        list(&chosen);
        return ExitCode::SUCCESS;
    }
    match run(&chosen, required) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("the real mesh could not be run: {error:#}"));
            say(&format!("0 passed, {} failed, 0 skipped", chosen.len()));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "other test runners read it there")]
fn list(tests: &[&Test]) {
    for test in tests {
        println!("{}: test", test.name);
    }
}

fn run(tests: &[&Test], required: bool) -> Result<ExitCode> {
    if tests.is_empty() {
        say("0 passed, 0 failed, 0 skipped");
        return Ok(ExitCode::SUCCESS);
    }
    if enter::is_inside() {
        return inside(tests);
    }
    let lacks = match enter::lacking()? {
        Some(lacks) => Some(format!("this machine lacks {lacks}")),
        // A build of minutes is not what somebody asks for who runs all tests.
        None if recipe::built()?.is_none() && !required => {
            Some("it is not built yet: `cargo test -p real-mesh -- --require-mesh` does that, once, in some minutes".to_owned())
        }
        None => None,
    };
    match lacks {
        None => {
            recipe::build()?;
            enter::run_inside()
        }
        Some(lacks) if required => Err(anyhow!("{lacks}")),
        Some(lacks) => {
            say(&format!(
                "skipped: the tests against a real mesh did not run: {lacks}"
            ));
            say(&format!("0 passed, 0 failed, {} skipped", tests.len()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn inside(_: &[&Test]) -> Result<ExitCode> {
    Err(anyhow!("there are no network namespaces here"))
}

#[cfg(target_os = "linux")]
fn inside(tests: &[&Test]) -> Result<ExitCode> {
    enter::prepare()?;
    let parts = recipe::build()?;
    let (mut passed, mut failed) = (0, Vec::new());
    for test in tests {
        let start = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mesh = Mesh::start(&parts)?;
            let up = start.elapsed();
            (test.run)(&mesh)?;
            Ok::<_, anyhow::Error>(up)
        }));
        let took = start.elapsed().as_secs_f32();
        match ran {
            Ok(Ok(up)) => {
                passed += 1;
                say(&format!(
                    "test {} ... ok ({took:.1} s, up after {:.1} s)",
                    test.name,
                    up.as_secs_f32()
                ));
            }
            Ok(Err(error)) => {
                failed.push(test.name);
                say(&format!(
                    "test {} ... FAILED ({took:.1} s)\n{}{error:#}",
                    test.name,
                    logs()
                ));
            }
            // The panic's own words were printed where it happened.
            Err(_) => {
                failed.push(test.name);
                say(&format!(
                    "test {} ... PANICKED ({took:.1} s)\n{}",
                    test.name,
                    logs()
                ));
            }
        }
    }
    for name in &failed {
        say(&format!("failed: {name}"));
    }
    say(&format!(
        "{passed} passed, {} failed, 0 skipped",
        failed.len()
    ));
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
