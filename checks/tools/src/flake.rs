//! A copy of this repository's policy as a git repository of its own, which scenarios edit and commit to.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};

use crate::run;

/// The site of the story.
pub const SITE: &str = "clinic-001";
/// The parts of the repository that are policy.
const PARTS: [&str; 5] = ["flake.nix", "flake.lock", "modules", "baselines", "rules"];
/// The files of the example site whose exceptions run out.
const EXCEPTIONS: [&str; 2] = ["back-office/policy.nix", "front-desk/policy.nix"];

/// The repository this was built from.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Copies the policy of this repository with one of its sites, puts this machine's static busybox, if it has one, beside the example hosts,
/// and makes a git repository of it. Needs none of our binaries.
pub fn lay(to: &Path) -> Result<()> {
    for part in PARTS {
        copy(&repository().join(part), &to.join(part))?;
    }
    let site = Path::new("hosts").join(SITE);
    copy(&repository().join(&site), &to.join(&site))?;
    if let Some(busybox) = run::find_tool("busybox") {
        let place = to.join("hosts").join(SITE).join("busybox/bin");
        fs::create_dir_all(&place)?;
        fs::copy(busybox, place.join("busybox"))?;
    }
    for file in EXCEPTIONS {
        renew_exception(&to.join(&site).join(file))?;
    }
    git(to, &["init", "--quiet", "--initial-branch=main"]).map(drop)
}

/// Renews the first exception in a file when it has run out: `writ check` rightly calls an expired one a mistake.
fn renew_exception(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let expires = text.split("expires = \"").nth(1).and_then(|rest| rest.split('"').next()).context("no exception")?;
    let now = Timestamp::now();
    if expires.parse::<Timestamp>()? > now {
        return Ok(());
    }
    let renewed = now.checked_add(SignedDuration::from_hours(90 * 24))?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Ok(fs::write(file, text.replace(expires, &renewed))?)
}

/// Runs git in a flake.
pub fn git(flake: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(flake).args(["-c", "user.name=Engineer", "-c", "user.email=engineer@example.org"]);
    command.args(["-c", "commit.gpgsign=false"]).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
    run::checked(&mut command)
}

/// Commits everything in a flake.
pub fn commit(flake: &Path, message: &str) -> Result<()> {
    git(flake, &["add", "--all"])?;
    git(flake, &["commit", "--quiet", "--message", message]).map(drop)
}

/// Copies a file or a folder; links are copied as what they lead to.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
