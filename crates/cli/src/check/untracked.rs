//! Policy files that git does not track: they count here, but a flake does not see them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use writ_policy::validate::Level;

use super::mistake::Mistake;
use super::{git, process};

/// The folders of a tree that policy is read from.
const FOLDERS: [&str; 4] = ["baselines", "rules", "hosts", "modules"];
/// The most files that are named.
const MOST_NAMED: usize = 5;

/// One warning that names them. Where there is no git, or no repository, there is nothing to say.
pub fn mistake(root: &Path) -> Option<Mistake> {
    let mut command = git::command(root);
    command.args(["ls-files", "--others", "--exclude-standard", "-z", "--"]);
    command.args(FOLDERS.map(|folder| format!(":(glob){folder}/**/*.nix")));
    let output = process::run(command, Duration::from_secs(20), 1 << 20).ok().filter(|o| o.status.success())?;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let files: Vec<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
    let message = match files.as_slice() {
        [] => return None,
        [file] => format!("git does not track {file}, so a flake does not see it"),
        _ => format!("git does not track {} policy files, so a flake does not see them", files.len()),
    };
    let more = if files.len() > MOST_NAMED { " …" } else { "" };
    let named = files.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(" ");
    Some(Mistake {
        code: "untracked-file".to_owned(),
        severity: Level::Warning,
        message,
        expected: None,
        nearest: None,
        help: Some(format!("git add {named}{more}")),
        // For those who must name a file.
        path: files.first().map(|file| file.split('/').map(str::to_owned).collect()).unwrap_or_default(),
        place: None,
        related: Vec::new(),
        appliances: BTreeSet::new(),
    })
}
