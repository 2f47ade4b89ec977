//! What a suite has started and left at work: daemons and tools of a test that was ended before it could end them itself.
//!
//! They are known by what they have inherited: the folder for their files, which no other suite has.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use writ_tools::run;

/// How long they may take to be gone, once they are killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends every process whose folder for files is this one. Looks again until there is none: one that is killed may just have
/// started another.
pub fn end(scratch: &Path) -> Result<()> {
    run::wait("the end of what a suite has left at work", PATIENCE, || {
        let left = processes(scratch)?;
        if left.is_empty() {
            return Ok(Some(()));
        }
        // Some have ended by themselves meanwhile: that they are not found is no error.
        let mut kill = Command::new("kill");
        run::any(kill.arg("-KILL").args(left.iter().map(u32::to_string)))?;
        Ok(None)
    })
}

/// The processes that were given this folder for their files, without the one that asks. Who is dead, and only waits to be
/// asked for, has no environment any more.
fn processes(scratch: &Path) -> Result<Vec<u32>> {
    let given = [b"TMPDIR=".as_slice(), scratch.as_os_str().as_bytes()].concat();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list processes")? {
        let Some(process) = entry.ok().and_then(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) else {
            continue;
        };
        // It has gone meanwhile, or is somebody else's.
        let Ok(environment) = fs::read(format!("/proc/{process}/environ")) else { continue };
        if process != std::process::id() && environment.split(|byte| *byte == 0).any(|one| one == given) {
            found.push(process);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Child;

    use super::*;

    fn start(program: &str, arguments: &[&str], name: &str, folder: &Path) -> Child {
        Command::new(program).args(arguments).env_remove("TMPDIR").env(name, folder).spawn().unwrap()
    }

    #[test]
    fn whoever_was_given_the_folder_is_ended_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, below) = (dir.path(), dir.path().join("below"));
        let sleeps = |name: &str, folder: &Path| start("sleep", &["60"], name, folder);
        let mut others =
            [sleeps("TMPDIR", &below), sleeps("TMPDIR", folder.parent().unwrap()), sleeps("OLD_TMPDIR", folder)];
        let mut given = sleeps("TMPDIR", folder);
        run::wait("it", PATIENCE, || Ok((processes(folder)? == [given.id()]).then_some(()))).unwrap();
        end(folder).unwrap();
        assert_eq!(given.wait().unwrap().signal(), Some(9));
        let live = others.each_mut().map(|other| other.try_wait().unwrap().is_none());
        for other in &mut others {
            other.kill().unwrap();
            other.wait().unwrap();
        }
        assert_eq!(live, [true; 3]);
    }

    #[test]
    fn what_they_go_on_to_start_is_ended_too() {
        let dir = tempfile::tempdir().unwrap();
        let starts = "i=0; while [ $i -lt 500 ]; do i=$((i + 1)); sleep 60 & sleep 0.01; done";
        let mut given = start("sh", &["-c", starts], "TMPDIR", dir.path());
        run::wait("some of them", PATIENCE, || Ok((processes(dir.path())?.len() > 5).then_some(()))).unwrap();
        end(dir.path()).unwrap();
        assert_eq!(given.wait().unwrap().signal(), Some(9));
        assert_eq!(processes(dir.path()).unwrap(), Vec::<u32>::new());
    }

    #[test]
    fn whoever_asks_is_never_among_them() {
        let own = std::env::temp_dir();
        assert!(!processes(&own).unwrap().contains(&std::process::id()));
    }
}
