//! Running a tool and waiting for things to happen.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs a command to its end; an exit code other than 0 is an error that carries its output.
pub fn checked(command: &mut Command) -> Result<String> {
    let output = any(command)?;
    if !output.status.success() {
        bail!("{} failed ({}):\n{}", line(command), output.status, both(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end and gives its output whatever the exit code.
pub fn any(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", line(command)))
}

/// Standard output and standard error of a finished command, one after the other.
pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Asks every 10 ms, or less often where it takes long to ask, until `ready` gives something; an error after `limit`, naming
/// what was awaited.
pub fn wait<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let asked = Instant::now();
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(pause(asked.elapsed()));
    }
}

/// How long to rest after a look that took so long: whoever waits takes no processor from what is waited for.
fn pause(look: Duration) -> Duration {
    (look * 4).clamp(Duration::from_millis(10), Duration::from_millis(250))
}

/// The file of a tool on PATH, if it is there.
pub fn find_tool(name: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}
