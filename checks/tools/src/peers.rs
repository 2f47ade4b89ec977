//! Programs that we are compared with, unpacked from Debian's packages into a private folder: installing them would
//! start their services on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::phase::root;
use crate::run;

/// Unpacks Debian packages, with what they need that this machine lacks, into one folder under `target/`; returns it.
pub fn unpack(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = root().join("target/peers").join(name);
    let done = folder.join(".unpacked");
    if done.exists() {
        return Ok(folder);
    }
    if run::find_tool("apt-get").is_none() {
        bail!("{name} comes from Debian's packages, and this machine has no apt-get");
    }
    fs::create_dir_all(&folder)?;
    eprintln!("── unpacking {} into {}", packages.join(" "), folder.display());
    let mut simulate = Command::new("apt-get");
    simulate.args(["install", "--simulate", "--reinstall", "--no-install-recommends"]).args(packages);
    let plan = run::checked(&mut simulate).context("cannot plan; `apt-get update` may help")?;
    let needed = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    run::checked(Command::new("apt-get").current_dir(&folder).args(["-qq", "download"]).args(needed))
        .context("cannot download; `apt-get update` may help")?;
    for entry in fs::read_dir(&folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|e| e == "deb") {
            run::checked(Command::new("dpkg").arg("-x").arg(&file).arg(&folder))?;
            fs::remove_file(&file)?;
        }
    }
    fs::write(done, "")?;
    Ok(folder)
}

/// Installs packages of PyPI, for Debian's Python, into one folder under `target/`; returns it, which is the `PYTHONPATH`.
pub fn python(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = root().join("target/peers").join(name);
    // Of other versions than before, it is made anew.
    let (done, wanted) = (folder.join(".unpacked"), packages.join(" "));
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    eprintln!("── installing {wanted} from PyPI into {}", folder.display());
    let mut pip = Command::new("/usr/bin/python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"]);
    run::checked(pip.arg(&folder).args(packages))
        .context("cannot install it: is PyPI reachable, and python3-pip there?")?;
    fs::write(done, wanted)?;
    Ok(folder)
}

/// A command of an unpacked peer, with the peer's own libraries.
pub fn command(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(folder.join(program));
    command.env("LD_LIBRARY_PATH", libraries(folder));
    command
}

/// The folders of an unpacked peer's own libraries, as `LD_LIBRARY_PATH` takes them.
pub fn libraries(folder: &Path) -> String {
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib", "lib"].map(|dir| folder.join(dir));
    libraries.map(|path| path.display().to_string()).join(":")
}
