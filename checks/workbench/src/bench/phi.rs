//! The PHI scrubber: what it finds of identifiers that Faker made up, what it takes away from logs, what a long line costs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use rustix::time::{ClockId, clock_gettime};
use writ_evidence::scrub::{MAX_SCRUB, Options, scrub_with};
use writ_tools::phase::root;
use writ_tools::run;

use super::figure;

#[path = "../../../tools/phi/measure.rs"]
#[allow(dead_code, reason = "the tests read more of it")]
mod measure;

use measure::{Figures, HOSTILE, Known, Machines, Share, repeated};

/// What the generator stands on: its values are Faker's, so the version is part of what was measured.
const FAKER: &str = "Faker>=40,<41";
/// The kinds of 45 CFR 164.514(b)(2)(i), A to R, as the generator names them.
const KINDS: [(&str, &str); 18] = [
    ("name", "A names"),
    ("geographic", "B places smaller than a state"),
    ("date", "C dates of a person, ages over 89"),
    ("phone", "D telephone numbers"),
    ("fax", "E fax numbers"),
    ("email", "F e-mail addresses"),
    ("ssn", "G social security numbers, of five countries"),
    ("mrn", "H medical record numbers"),
    ("plan", "I health plan numbers"),
    ("account", "J account numbers"),
    ("licence", "K certificate and licence numbers"),
    ("vehicle", "L vehicles and plates"),
    ("device", "M devices and serial numbers"),
    ("url", "N web addresses"),
    ("ip", "O IP addresses, removed when asked"),
    ("biometric", "P biometric identifiers"),
    ("photo", "Q photographs"),
    ("other", "R any other number or code"),
];
/// Logs of this machine, where there are any, beside those that are kept with the tests.
const LOGS: [&str; 3] = ["/var/log/dpkg.log", "/var/log/apt/history.log", "/var/log/syslog"];
/// The most lines of one of them.
const MOST: usize = 20_000;

/// How much is generated.
#[derive(clap::Args)]
#[group(skip)]
pub struct Amounts {
    /// How many synthetic lines the PHI scrubber is measured on.
    #[arg(long, default_value_t = 100_000, value_name = "LINES")]
    phi_lines: usize,
    /// The first seed of the synthetic lines, to see a run again; otherwise the time.
    #[arg(long, value_name = "SEED")]
    phi_seed: Option<u64>,
    /// From how many seeds they are made, `--phi-seed` and those that follow it: each makes a share of the lines.
    #[arg(long, default_value_t = 3, value_name = "SEEDS", value_parser = clap::value_parser!(u64).range(1..=100))]
    phi_seeds: u64,
}

/// Prints recall, precision, false positives and the cost of long lines.
pub fn run(amounts: &Amounts) -> Result<()> {
    println!("PHI: the scrubber, on synthetic lines that hold the 18 identifiers of 45 CFR 164.514(b)(2)(i)");
    let python = venv()?;
    let seed = match amounts.phi_seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let mut figures = Figures::default();
    let seeds = amounts.phi_seeds;
    ensure!(seed.checked_add(seeds).is_some(), "--phi-seed {seed} is too large: {seeds} seeds do not follow it");
    let mut by_seed = Vec::new();
    for (lines, seed) in shares(amounts.phi_lines, usize::try_from(seeds)?).into_iter().zip(seed..) {
        let before = figures.structured();
        synthetic(&python, lines, seed, &mut figures)?;
        let after = figures.structured();
        by_seed.push(Share { found: after.found - before.found, all: after.all - before.all }.percent());
    }
    let what = format!("lines, of five locales, --phi-seed {seed} --phi-seeds {seeds}");
    figure(&what, &figures.lines.to_string(), None);
    print_kinds(&figures);
    let by_seed: Vec<String> = by_seed.iter().map(|percent| format!("{percent:.2} %")).collect();
    figure("recall, label or shape tells, by seed", &by_seed.join(" "), None);
    let structured = figures.structured();
    let value = format!("{:.2} %", structured.percent());
    let what = format!("recall, label or shape tells, {} of {}", structured.found, structured.all);
    figure(&what, &value, Some(("99.5 %", structured.percent() >= 99.5)));
    let wrong = 100.0 - figures.precision.percent();
    let what = format!("removals that held no identifier, of {}", figures.precision.all);
    figure(&what, &format!("{wrong:.2} %"), Some(("under 0.5 %", wrong < 0.5)));
    let beside = 100.0 - figures.kept_close.percent();
    figure("letters and digits removed beside an identifier", &format!("{beside:.2} %"), None);
    figures.examples.iter().take(10).for_each(|example| println!("    {}", shortened(example)));
    machines()?;
    cost();
    Ok(())
}

/// How many lines each seed makes: what cannot be shared out evenly is the last one's.
fn shares(lines: usize, seeds: usize) -> Vec<usize> {
    let each = lines / seeds;
    let mut shares = vec![each; seeds];
    if let Some(last) = shares.last_mut() {
        *last += lines % seeds;
    }
    shares
}

/// A Python of its own under `target/`, with Faker from PyPI (MIT, with tzdata where Python lacks it).
fn venv() -> Result<PathBuf> {
    let python = writ_tools::python::environment("phi", "faker", &[FAKER])?;
    let version = run::checked(Command::new(&python).args(["-c", "import faker; print(faker.VERSION)"]))?;
    figure("Faker", version.trim(), None);
    Ok(python)
}

/// Measures what the generator writes, line by line.
fn synthetic(python: &Path, lines: usize, seed: u64, figures: &mut Figures) -> Result<()> {
    let script = root().join("checks/tools/phi/generate.py");
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(&script);
    command.args(["--lines", &lines.to_string(), "--seed", &seed.to_string()]);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {}", script.display()))?;
    let Some(stdout) = child.stdout.take() else { bail!("the generator has no output") };
    let before = figures.lines;
    for line in BufReader::new(stdout).lines() {
        figures.add(&line?).map_err(|e| anyhow::anyhow!("{} wrote what cannot be read: {e}", script.display()))?;
    }
    ensure!(child.wait()?.success() && figures.lines - before == lines, "{} ended early", script.display());
    Ok(())
}

/// One line for each of the 18: what a label told, what its shape told, and what nothing told.
fn print_kinds(figures: &Figures) {
    println!("  {:<46} {:>18} {:>18} {:>18}", "recall by what tells it", "label", "shape", "nothing");
    for (kind, name) in KINDS {
        let [label, shape, bare] =
            [Known::Label, Known::Shape, Known::Bare].map(|known| share(figures.of(kind, known)));
        println!("  {name:<46} {label:>18} {shape:>18} {bare:>18}");
    }
}

fn share(share: Share) -> String {
    if share.all == 0 { "-".to_owned() } else { format!("{:.2} % of {}", share.percent(), share.all) }
}

/// False positives: the lines that the tests keep, and this machine's own.
fn machines() -> Result<()> {
    let corpus = root().join("crates/evidence/tests/corpus");
    let mut kept = Machines::new();
    for file in ["machines.txt", "harmless.txt"] {
        fs::read_to_string(corpus.join(file))?.lines().filter(|l| !l.is_empty()).for_each(|line| kept.add(line));
    }
    print_machines("lines of machines' logs altered, the kept corpus", &kept);
    let mut own = Machines::new();
    for file in LOGS {
        let Ok(bytes) = fs::read(file) else { continue };
        String::from_utf8_lossy(&bytes).lines().take(MOST).for_each(|line| own.add(line));
    }
    if let Ok(journal) = run::any(Command::new("journalctl").args(["--no-pager", "-q", "-n", &MOST.to_string()])) {
        String::from_utf8_lossy(&journal.stdout).lines().for_each(|line| own.add(line));
    }
    if own.lines > 0 {
        print_machines("lines altered, this machine's dpkg, apt, syslog, journal", &own);
    }
    Ok(())
}

fn print_machines(what: &str, machines: &Machines) {
    let percent = machines.share().percent();
    let value = format!("{percent:.2} % of {}", machines.lines);
    figure(what, &value, Some(("under 0.5 %", percent < 0.5)));
    let lost: Vec<String> =
        machines.lost.iter().filter(|(_, n)| **n > 0).map(|(what, n)| format!("{n} × {what}")).collect();
    figure("  of what matters in them, lost", &if lost.is_empty() { "0".to_owned() } else { lost.join(", ") }, None);
    machines.examples.iter().take(5).for_each(|example| println!("    {}", shortened(example)));
}

/// What 1 MiB takes beside 128 KiB, of the hostile text that grows worst, in this thread's own processor time.
fn cost() {
    let of = |piece: &str, bytes: usize| {
        let text = repeated(piece, bytes);
        let start = processor_seconds();
        let out = scrub_with(&text, Options { addresses: true });
        assert!(out.len() <= MAX_SCRUB, "{piece:?} grew beyond its bound");
        processor_seconds() - start
    };
    let (mut worst, mut slowest) = ((0.0, ""), (0.0, ""));
    for piece in HOSTILE {
        let short = (0..3).map(|_| of(piece, MAX_SCRUB / 8)).fold(f64::INFINITY, f64::min);
        let long = of(piece, MAX_SCRUB);
        worst = if long / short > worst.0 { (long / short, piece) } else { worst };
        slowest = if long > slowest.0 { (long, piece) } else { slowest };
    }
    let what = format!("1 MiB beside 128 KiB, worst of {} hostile texts", HOSTILE.len());
    figure(&what, &format!("{:.1} times", worst.0), Some(("at most 16 times, 8 is linear", worst.0 <= 16.0)));
    figure("  that one", &format!("{:?}", worst.1), None);
    figure("1 MiB of the slowest", &format!("{:.2} s", slowest.0), None);
    figure("  that one", &format!("{:?}", slowest.1), None);
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a process")]
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(240).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_as_many_lines_are_made_as_were_asked_for() {
        assert_eq!(shares(100_000, 3), [33_333, 33_333, 33_334]);
        assert_eq!(shares(20_000, 1), [20_000]);
        assert_eq!(shares(2, 3), [0, 0, 2]);
        for (lines, seeds) in [(0, 1), (99, 100), (100, 100), (12_345, 67)] {
            assert_eq!(shares(lines, seeds).iter().sum::<usize>(), lines, "{lines} from {seeds}");
        }
    }
}
