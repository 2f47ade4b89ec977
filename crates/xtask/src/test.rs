//! `cargo xtask test`: everything that must pass.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::phase::{cargo, phase, show};
use crate::{lint, setup};

/// Runs everything that must pass.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also run the dear tiers; prints how many were skipped.
    #[arg(long)]
    all: bool,
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Lint, then all tests; ends with one line of counts.
pub fn run(arguments: &Arguments) -> Result<()> {
    phase("set-up", || setup::ensure(setup::ALL))?;
    phase("lint", lint::run)?;
    phase("build", || show(cargo().args(["build", "--workspace", "--quiet", "--bins"])))?;
    let counts = phase("tests", || tests(arguments.all))?;
    if arguments.all {
        println!("tiers skipped: {}", counts.skipped);
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed > 0 || counts.passed == 0 {
        bail!("{} tests failed", counts.failed);
    }
    Ok(())
}

fn tests(all: bool) -> Result<Counts> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--quiet"]).stdout(Stdio::piped());
    if all {
        command.env("WRIT_TEST_ALL", "1");
    }
    let mut child = command.spawn().context("cannot run cargo test")?;
    let mut counts = Counts::default();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        count(&line, &mut counts);
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        bail!("cargo test ended with {status} before it ran every test");
    }
    Ok(counts)
}

/// Adds up lines such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(line: &str, counts: &mut Counts) {
    let Some(rest) = line.strip_prefix("test result: ") else { return };
    let words: Vec<&str> = rest.split([' ', ';', '.']).filter(|w| !w.is_empty()).collect();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u64>() else { continue };
        match pair[1] {
            "passed" => counts.passed += number,
            "failed" => counts.failed += number,
            "ignored" => counts.skipped += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "running 5 tests",
        ] {
            count(line, &mut counts);
        }
        assert_eq!((counts.passed, counts.failed, counts.skipped), (15, 2, 1));
    }
}
