//! git, asked about a tree that may be anybody's.

use std::path::Path;
use std::process::Command;

/// git in a folder. No program that a repository's configuration names may run, and no variable says which repository.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]).current_dir(folder);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}
