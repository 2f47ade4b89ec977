//! `cargo xtask test`: everything that must pass.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use writ_tools::phase::{cargo, phase, root, show};
use writ_tools::{peers, run, setup};

use crate::lint;

/// Runs everything that must pass.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also run the dear tiers: sixteen times the property cases, sixty kills among ten thousand bundles, the random kills from
    /// five more seeds, a machine without power at every point of a switch, and thirty simulated days without a network.
    #[arg(long)]
    all: bool,
}

/// Tests that others run inside a container or a namespace, and that cargo therefore counts as ignored.
const INNER_HALVES: u64 = 7;
/// How many property cases `--all` tries, instead of proptest's 256.
const MANY_CASES: &str = "4096";
/// What probes and records are held against, found by the tests in `target/peers`.
const PEERS: &[(&str, &[&str])] = &[
    ("audit", &["auditd"]),
    ("borg", &["borgbackup"]),
    ("chrony", &["chrony"]),
    ("clamav", &["clamav", "clamdscan"]),
    ("clamav-daemon", &["clamav-daemon"]),
    ("cryptsetup", &["cryptsetup-bin"]),
    ("postgresql", &["postgresql-15"]),
    ("restic", &["restic"]),
    ("sudo", &["sudo"]),
];
/// The first seeds of the random kills that `--all` adds.
const MORE_SEEDS: [u64; 5] = [1, 1_000, 2_000, 3_000, 4_000];

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Lint, then all tests; ends with one line of counts.
pub fn run(arguments: &Arguments) -> Result<()> {
    let [sshd, prometheus, chrony] = phase("set-up", || {
        setup::ensure(&[setup::ALL, setup::GO, setup::SCHEMAS].concat())?;
        for (name, packages) in PEERS {
            peers::unpack(name, packages)?;
        }
        Ok([
            peers::unpack("openssh", &["openssh-server"])?,
            peers::unpack("prometheus", &["prometheus"])?,
            peers::unpack("chrony", &["chrony"])?,
        ])
    })?;
    phase("lint", lint::run)?;
    // With the binaries, which the tests find beside themselves. By the call that runs them: another choice of packages or
    // targets is another choice of features, for which everything would be compiled once more.
    phase("build", || show(cargo().args(["test", "--workspace", "--quiet", "--no-run"])))?;
    let mut counts = Counts::default();
    phase("tests", || {
        let (_folder, mut command) = scratch()?;
        command.args(["test", "--workspace", "--no-fail-fast", "--quiet"]);
        command.env("WRIT_TEST_SSHD", sshd.join("usr/sbin/sshd"));
        command.env("WRIT_TEST_SSHD_LIBRARIES", peers::libraries(&sshd));
        command.env("WRIT_TEST_PROMTOOL", prometheus.join("usr/bin/promtool"));
        command.env("WRIT_TEST_CHRONYD", chrony.join("usr/sbin/chronyd"));
        if arguments.all {
            command.env("PROPTEST_CASES", MANY_CASES);
            // Sixty kills of depot and courier among ten thousand bundles, instead of twelve among hundreds; power cuts at
            // every point of a switch, instead of two; thirty days without a network, instead of five.
            command.env("WRIT_ALL_KILLS", "1");
        }
        tests(&mut command, &mut counts)
    })?;
    if arguments.all {
        for seed in MORE_SEEDS {
            phase(&format!("random kills, from seed {seed}"), || {
                let (_folder, mut command) = scratch()?;
                command.args(["test", "--workspace", "--quiet", "--test", "it", "crashes::seeds"]);
                tests(command.env("WRIT_SEED", seed.to_string()), &mut counts)
            })?;
        }
        println!("tiers skipped: {}", counts.ignored.saturating_sub(INNER_HALVES));
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed > 0 || counts.passed == 0 {
        bail!("{} tests failed", counts.failed);
    }
    Ok(())
}

/// A folder for the files of the tests, which make and remove some hundred thousand. As root it is in memory, for as long
/// as the command runs: none of the tests asks a disk to keep anything, and those that fill one make it.
fn scratch() -> Result<(tempfile::TempDir, Command)> {
    let folder = tempfile::Builder::new().prefix("writ-tests-").tempdir()?;
    let mut command = cargo();
    if run::is_root() {
        let program = command.get_program().to_owned();
        command = Command::new("unshare");
        // In a mount namespace of its own: however it ends, nothing stays mounted.
        command.current_dir(root()).args(["--mount", "sh", "-c", IN_MEMORY]).arg(folder.path()).arg(program);
    }
    command.env("TMPDIR", folder.path());
    // Much of the time, a test waits for a process, a boot or a timer.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("RUST_TEST_THREADS", (2 * processors).to_string());
    }
    Ok((folder, command))
}

/// Several times what the tests of one run hold at once, of which only what is used takes memory.
const IN_MEMORY: &str = r#"mount -t tmpfs -o size=8g,mode=0755 writ-tests "$0" && exec "$@""#;

fn tests(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo test")?;
    let failed_before = counts.failed;
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        count(&line, counts);
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == failed_before {
        bail!("cargo test ended with {status} before it ran every test");
    }
    Ok(())
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
            "ignored" => counts.ignored += number,
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
        assert_eq!((counts.passed, counts.failed, counts.ignored), (15, 2, 1));
    }
}
