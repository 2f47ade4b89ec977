//! `cargo xtask lint`: what can be said of the sources without running them.

mod flake;
mod links;
mod procedures;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use writ_tools::phase::{cargo, phase, root, show, tracked_files};
use writ_tools::{run, setup};

/// Formatting, clippy, documentation, every .nix file, links, procedures and house rules.
pub fn run() -> Result<()> {
    run_with(|| setup::ensure(setup::LINT))
}

/// The same, where what it needs besides cargo comes meanwhile: `ready` waits for that.
pub fn run_with(ready: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    // Nix is at work while cargo waits for one crate that others need.
    let (code, rest) = std::thread::scope(|scope| {
        let rest = scope.spawn(|| ready().and_then(|()| policy(&tracked_files()?)));
        (code(), rest.join())
    });
    both(code, rest.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// What two came to that were at work side by side: where both have failed, one error tells of both.
fn both(a: Result<()>, b: Result<()>) -> Result<()> {
    match (a, b) {
        (Err(a), Err(b)) => bail!("{a:#}\n{b:#}"),
        (a, b) => a.and(b),
    }
}

/// What cargo says.
fn code() -> Result<()> {
    phase("format", || show(cargo().args(["fmt", "--all", "--check"])))?;
    phase("clippy", || {
        show(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    })?;
    // Of the binaries, the documentation is their help.
    phase("documentation", || {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--lib", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
        with_what_clippy_checked(&mut doc)?;
        show(&mut doc)
    })
}

/// Has cargo take what clippy has just checked for checked, as clippy has it do: it keeps the two apart, and would check every
/// crate once more to document those that need it. Where clippy begins to do otherwise, that is what happens.
fn with_what_clippy_checked(command: &mut Command) -> Result<()> {
    let place = run::checked(Command::new("rustc").args(["--print", "sysroot"]))?;
    let driver = Path::new(place.trim()).join("bin/clippy-driver");
    if driver.is_file() {
        command.env("RUSTC_WORKSPACE_WRAPPER", driver);
        // As `cargo clippy -- -D warnings` says it; what stands between two words is how it separates them.
        command.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
    }
    Ok(())
}

/// What Nix says, and what the files say to whoever reads them.
fn policy(files: &[PathBuf]) -> Result<()> {
    phase("nix files parse", || nix_files_parse(files))?;
    phase("policy library", || policy_cases("checks/policy", &[]))?;
    phase("policy content", policy_content)?;
    phase("NixOS modules", || policy_cases("checks/nixos", &["--arg", "root", "./."]))?;
    phase("flake and plain evaluation", flake::agrees)?;
    phase("flake outputs without inputs", || flake::outputs(files))?;
    phase("links", || links::lead_somewhere(files))?;
    phase("procedures", || procedures::hold(&root().join("docs/procedures"), files))?;
    phase("house rules", || house_rules(files))
}

fn nix_files_parse(files: &[PathBuf]) -> Result<()> {
    let nix: Vec<&PathBuf> = files.iter().filter(|f| f.extension().is_some_and(|e| e == "nix")).collect();
    for chunk in nix.chunks(50) {
        let mut command = Command::new("nix-instantiate");
        command.current_dir(root()).arg("--parse").args(chunk);
        run::checked(&mut command)?;
    }
    Ok(())
}

/// What the policies of this repository claim, that each rule that judges it can fail, and what two baselines come to.
fn policy_content() -> Result<()> {
    let here = ["--arg", "root", "./."];
    policy_cases("checks/policy/content.nix", &here)?;
    policy_cases("checks/policy/content-cases.nix", &here)?;
    policy_cases("checks/policy/content-composed.nix", &here)
}

/// Cases in Nix: a list of what is not as it should be.
fn policy_cases(cases: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("nix-instantiate");
    command.current_dir(root()).args(["--eval", "--strict", "--json", "--store", "dummy://", cases]).args(arguments);
    let wrong: Vec<String> = serde_json::from_str(&run::checked(&mut command)?)?;
    if wrong.is_empty() { Ok(()) } else { bail!("{cases}:\n  {}", wrong.join("\n  ")) }
}

/// Crates that do no I/O and the crates that would let them.
const PURE: [&str; 6] = ["trust", "policy", "evidence", "wire", "age", "pdf"];
const IMPURE: [&str; 10] =
    ["tokio", "reqwest", "hyper", "axum", "rusqlite", "zbus", "rustix", "getrandom", "writ-durable", "writ-confine"];
/// Crates side by side, which never import one another.
const SIDE_BY_SIDE: [&str; 3] = ["agent", "audit", "depot"];

fn house_rules(files: &[PathBuf]) -> Result<()> {
    let mut broken = Vec::new();
    let manifest = |name: &str| fs::read_to_string(root().join("crates").join(name).join("Cargo.toml"));
    let imports = |text: &str, other: &str| {
        let normal = text.split("[dev-dependencies]").next().unwrap_or_default();
        normal.lines().any(|l| l.split(['.', ' ', '=']).next() == Some(other))
    };
    for name in PURE {
        let text = manifest(name)?;
        broken.extend(
            IMPURE.iter().filter(|c| imports(&text, c)).map(|c| format!("crates/{name} is pure but imports {c}")),
        );
        for file in files.iter().filter(|f| f.starts_with(format!("crates/{name}/src"))) {
            let text = fs::read_to_string(root().join(file))?;
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in
                ["std::fs", "std::net", "SystemTime::now", "Instant::now", "std::env", "std::process", "std::thread"]
            {
                if product.contains(word) {
                    broken.push(format!("{} is in a pure crate but uses {word}", file.display()));
                }
            }
        }
    }
    for (a, b) in SIDE_BY_SIDE.iter().flat_map(|a| SIDE_BY_SIDE.map(|b| (*a, b))).filter(|(a, b)| a != b) {
        if imports(&manifest(a)?, &format!("writ-{b}")) {
            broken.push(format!("crates/{a} imports crates/{b}: what both need lives below them"));
        }
    }
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "rs")) {
        let text = fs::read_to_string(root().join(file))?;
        if runs_in_documentation(&text) {
            broken.push(format!(
                "{} has an example in its documentation, which nothing runs: name a test",
                file.display()
            ));
        }
        let lines = text.lines().count();
        if lines > 900 {
            broken.push(format!("{} has {lines} lines: something in it wants its own file", file.display()));
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("\n")) }
}

/// Whether a comment for the documentation holds something that rustdoc would run. Compiling crates once more for that is
/// dear, so examples are tests.
fn runs_in_documentation(text: &str) -> bool {
    let comments = text.lines().map(str::trim_start);
    let comments = comments.filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
    let fences = comments.filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every second one ends what the one before has begun.
    fences.step_by(2).any(|language| !["text", "json", "toml", "nix"].contains(&language.trim()))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_rustdoc_would_run_is_seen() {
        let fence = "```";
        for (language, runs) in [("text", false), ("json", false), ("", true), ("rust", true), ("no_run", true)] {
            let text =
                format!("/// A word.\n    /// {fence}{language}\n    /// let a = 1;\n    /// {fence}\nfn a() {{}}\n");
            assert_eq!(runs_in_documentation(&text), runs, "{language}");
            let second = format!("//! {fence}text\n//! {fence}\n{text}");
            assert_eq!(runs_in_documentation(&second), runs, "{language}");
        }
        assert!(!runs_in_documentation(&format!("let text = \"{fence}\";\n// {fence}\n")));
    }

    #[test]
    fn of_two_failures_both_are_told() {
        let clippy = || Err(anyhow!("a cast").context("clippy"));
        let links = || Err(anyhow!("a link").context("links"));
        assert!(both(Ok(()), Ok(())).is_ok());
        let told = |a, b| format!("{:#}", both(a, b).unwrap_err());
        assert_eq!(told(clippy(), Ok(())), "clippy: a cast");
        assert_eq!(told(Ok(()), links()), "links: a link");
        assert_eq!(told(clippy(), links()), "clippy: a cast\nlinks: a link");
    }
}
