//! `cargo xtask fuzz`: libFuzzer over every parser of hostile bytes (`checks/fuzz`), each for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use writ_tools::phase::{cargo, phase, root, show};
use writ_tools::{run, setup};

/// Looks for bytes that break a parser.
///
/// Each target begins with its corpus in checks/fuzz/corpus, which the tests replay, and with what earlier runs found in
/// target/fuzz/corpus. What breaks one is kept in target/fuzz/finds, with how to see it again; then this ends with 1.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long each target is fuzzed: 90, 90s, 5m or 2h.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
    time: u64,
    /// Only targets whose name begins with this; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print the names of the targets, and do nothing.
    #[arg(long, conflicts_with_all = ["replay", "keep"])]
    list: bool,
    /// Give this file to the one target that --only names, and show what becomes of it.
    #[arg(long, value_name = "FILE", requires = "only", conflicts_with = "keep")]
    replay: Option<PathBuf>,
    /// Add to the corpus in checks/fuzz what reached code that nothing in it reaches; review it like code.
    #[arg(long)]
    keep: bool,
}

/// What libFuzzer asks of the compiler: to count what is reached, and to tell it what is compared.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg=fuzzing";
/// libFuzzer itself is C++.
const COMPILER: &[(&str, &str)] = &[("g++", "g++")];
/// The longest input that is tried, and the longest that is kept, in bytes: parsers have larger bounds, and the tests of
/// those know them.
const LONGEST: &str = "-max_len=8192";
const LONGEST_KEPT: &str = "-max_len=2048";
/// An input over which a parser thinks for longer, in seconds, or which takes more memory, in MiB, is a find too.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256"];

/// Fuzzes.
pub fn run(arguments: &Arguments) -> Result<()> {
    let targets = targets(&arguments.only)?;
    if arguments.list {
        targets.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    setup::ensure(COMPILER)?;
    let program = phase("build", build)?;
    if let Some(file) = &arguments.replay {
        let [target] = &targets[..] else { bail!("--replay needs one target; these begin so: {}", targets.join(", ")) };
        fs::create_dir_all(finds(target))?;
        return show(fuzzer(&program, target).args(LIMITS).arg(file));
    }
    println!("{} targets, {} s each", targets.len(), arguments.time);
    let mut finds = Vec::new();
    for target in &targets {
        finds.extend(one(&program, target, arguments)?);
    }
    for (target, find) in &finds {
        println!("\n{target} breaks on {}\n  again:  cargo xtask fuzz --only {target} --replay {0}", find.display());
    }
    match finds.len() {
        0 => println!("nothing was found"),
        found => bail!(
            "{found} of {} targets broke; mend the parser, and put the file into checks/fuzz/corpus",
            targets.len()
        ),
    }
    Ok(())
}

/// The names of the targets: each has a folder in the corpus, as the tests see to.
fn targets(only: &[String]) -> Result<Vec<String>> {
    let folder = root().join("checks/fuzz/corpus");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    // Whoever gives a whole name means that one.
    let whole = |only: &String| names.contains(only);
    let wanted =
        |name: &String| only.iter().any(|only| name == only || (!whole(only) && name.starts_with(only.as_str())));
    let chosen: Vec<String> = names.iter().filter(|name| only.is_empty() || wanted(name)).cloned().collect();
    if chosen.is_empty() {
        bail!("no target begins with {}; `cargo xtask fuzz --list` names them", only.join(" or "));
    }
    Ok(chosen)
}

/// Builds all targets as one program; returns it.
fn build() -> Result<PathBuf> {
    let folder = root().join("checks/fuzz");
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = cargo();
    command.args(["build", "--release", "--quiet", "--target", &target, "--manifest-path", "checks/fuzz/Cargo.toml"]);
    // With a target, the flags are for what is fuzzed and not for what builds it.
    command.env("CARGO_TARGET_DIR", work()).env("RUSTFLAGS", FLAGS).env("CARGO_INCREMENTAL", "0");
    show(&mut command)?;
    Ok(work().join(target).join("release/writ-fuzz"))
}

/// Where everything of a run lies that is not committed.
fn work() -> PathBuf {
    root().join("target/fuzz")
}

/// What breaks a target.
fn finds(target: &str) -> PathBuf {
    work().join("finds").join(target)
}

fn fuzzer(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("WRIT_FUZZ_TARGET", target).stdin(Stdio::null());
    // Whatever it does, also when it only replays or merges: it writes finds where it stands otherwise.
    command.arg(format!("-artifact_prefix={}/", finds(target).display()));
    command
}

/// Fuzzes one target; returns the find, if there is one.
fn one(program: &Path, target: &str, arguments: &Arguments) -> Result<Option<(String, PathBuf)>> {
    let (committed, more) = (root().join("checks/fuzz/corpus").join(target), work().join("corpus").join(target));
    let finds = finds(target);
    fs::create_dir_all(&more)?;
    fs::create_dir_all(&finds)?;
    let before = count(&more)?;
    let mut command = fuzzer(program, target);
    command.args(LIMITS).args([LONGEST, "-print_final_stats=1"]).arg(format!("-max_total_time={}", arguments.time));
    command.arg(&more).arg(&committed);
    let output = run::any(&mut command)?;
    let said = run::both(&output);
    let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!(
        "{target:<28} {:>12} runs, {} new inputs",
        runs.map_or("?", str::trim),
        count(&more)?.saturating_sub(before)
    );
    if output.status.success() {
        if arguments.keep {
            let mut command = fuzzer(program, target);
            run::checked(command.args(["-merge=1", LONGEST_KEPT]).arg(&committed).arg(&more))?;
        }
        return Ok(None);
    }
    let why = said.lines().filter(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    why.for_each(|line| println!("  {line}"));
    let prefix = format!("artifact_prefix='{}/'; Test unit written to ", finds.display());
    match said.lines().find_map(|line| line.strip_prefix(&prefix)) {
        Some(file) => Ok(Some((target.to_owned(), PathBuf::from(file)))),
        None => bail!("{target} ended with {}:\n{said}", output.status),
    }
}

fn count(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder)?.count())
}

/// `90`, `90s`, `5m` or `2h` in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, &text[digits.len()..]),
        None => (text, "s"),
    };
    let factor = match unit {
        "m" => 60,
        "h" => 3600,
        _ => 1,
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| "expected 90, 90s, 5m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "s", "0", "-1", "1d", "1 m", "99999999999999999999h", "9999999999999999999h"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_whole_name_is_one_target_and_a_beginning_several() {
        let of = |only: &str| targets(&[only.to_owned()]).map(|found| found.len());
        assert_eq!(of("nar").unwrap(), 1);
        assert!(of("probe.").unwrap() > 30);
        assert!(of("no-such-target").is_err());
    }
}
